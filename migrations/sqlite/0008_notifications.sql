-- What others are told of. A row is written with the change that it tells of, in one transaction;
-- its number is its place in the order of all. It names no user: who the user is, is read when it
-- is sent. `commit_id` makes the id that receivers see one of its own, even after a backup was
-- restored and the numbers are given anew.
create table notifications (
    seq integer primary key,
    -- Neither, if it is about the provider.
    onboarding_key integer references onboardings (key),
    version integer check (version >= 1),
    kind text not null check (kind like '_%._%'),
    data text not null check (json_valid(data)),
    happened_at integer not null,
    commit_id integer not null,
    check ((onboarding_key is null) = (version is null))
) strict;

-- What is looked for: users in long review, and whether that was told since it began.
create index onboardings_in_review on onboardings (state_since_at) where state = 'polling';
create index notifications_stuck on notifications (onboarding_key, happened_at)
    where kind = 'verification.stuck';

-- Who is told, from when on, and how far it has come: `cursor` is the last notification that has
-- its delivery.
create table endpoints (
    key integer primary key,
    id text not null unique check (id <> ''),
    url text not null check (url <> ''),
    -- A list of kinds; null is all.
    kinds text check (kinds is null or json_valid(kinds)),
    cursor integer not null,
    created_at integer not null,
    -- Since when every try fails, and whether that was warned of.
    failing_since_at integer,
    warned_at integer,
    disabled_at integer,
    disabled_for text check (disabled_for in ('gone', 'failing')),
    check ((disabled_at is null) = (disabled_for is null))
) strict;

-- What signs: the newest secret, and those before it until they run out.
create table endpoint_secrets (
    key integer primary key,
    endpoint_key integer not null references endpoints (key) on delete cascade,
    secret text not null check (secret like 'whsec\_%' escape '\' or secret like 'whsk\_%' escape '\'),
    created_at integer not null,
    expires_at integer
) strict;

create index endpoint_secrets_by_endpoint on endpoint_secrets (endpoint_key);

-- One notification to one endpoint, and what became of the last try. Of one user's, one at a time
-- is due; the others wait for it.
create table deliveries (
    key integer primary key,
    endpoint_key integer not null references endpoints (key) on delete cascade,
    seq integer not null references notifications (seq),
    -- The onboarding's key, or 0 if it is about the provider: what is kept in order.
    stream integer not null,
    state text not null check (state in ('waiting', 'due', 'delivered', 'given-up')),
    next_at integer,
    attempts integer not null check (attempts >= 0),
    tried_at integer,
    http_status integer,
    took_ms integer,
    error text,
    unique (endpoint_key, seq),
    check ((next_at is not null) = (state = 'due'))
) strict;

create index deliveries_due on deliveries (endpoint_key, next_at) where state = 'due';
create index deliveries_pending on deliveries (endpoint_key, stream, seq)
    where state in ('waiting', 'due');
create index deliveries_settled on deliveries (tried_at) where state in ('delivered', 'given-up');
