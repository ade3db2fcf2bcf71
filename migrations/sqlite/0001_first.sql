-- The first schema. Rules of every table: integer keys, rows in order of insertion, times in
-- integer milliseconds since 1970 (UTC) in columns that end in `_at`. Personal data is in
-- `users`, `profiles` and `document_contents`, and nowhere else.

-- One small row of state a user. What is looked for by is a column; the rest is the snapshot.
create table onboardings (
    key integer primary key,
    id blob not null unique check (length(id) = 16),
    -- How many events made it what it is; a change is stored only on the version it builds on.
    version integer not null check (version >= 1),
    state text not null check (state in (
        'registering', 'registered', 'documents-uploaded', 'verification-triggered', 'polling',
        'requires-data', 'verified', 'rejected', 'held', 'cancelled', 'erased')),
    state_since_at integer not null,
    -- {"schema": number, "onboarding": {...}}: rows outlive releases.
    snapshot text not null check (json_valid(snapshot) and json_extract(snapshot, '$.schema') >= 1),
    -- The next call: what it draws on, and its earliest time. Both derived from the snapshot.
    lane text check (lane in ('write', 'read')),
    due_at integer,
    -- The worker that may make it, and until when if it is never heard of again.
    leased_by integer,
    lease_until_at integer,
    -- The transaction that wrote the row last, by which a lost answer to a commit is cleared up.
    commit_id integer not null,
    created_at integer not null,
    updated_at integer not null,
    check ((lane is null) = (due_at is null)),
    check ((leased_by is null) = (lease_until_at is null)),
    -- What is stopped or ended makes no call.
    check (lane is null or state not in ('held', 'cancelled', 'erased'))
) strict;

-- What a claim reads: due work in order, and the leases that run.
create index onboardings_due on onboardings (lane, due_at) where due_at is not null;
create index onboardings_leased on onboardings (lane, lease_until_at) where leased_by is not null;
create index onboardings_by_state on onboardings (state);

-- Who the user is. An erased user keeps a made-up locator.
create table users (
    onboarding_key integer primary key references onboardings (key),
    locator text not null unique check (locator like '_%:_%')
) strict;

-- The whole profile, newest revision only.
create table profiles (
    onboarding_key integer primary key references onboardings (key),
    revision integer not null check (revision >= 1),
    json blob not null
) strict;

-- A document's bytes, newest revision only; in a table of their own, so that the rows that are
-- read often stay small.
create table document_contents (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    document_type text not null check (document_type <> ''),
    revision integer not null check (revision >= 1),
    media_type text not null,
    bytes blob not null,
    unique (onboarding_key, document_type)
) strict;

-- The policies under which events were applied: with its policy, history can be replayed exactly.
create table policies (
    key integer primary key,
    policy text not null unique check (json_valid(policy))
) strict;

-- Every transition, never changed.
create table history (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    version integer not null check (version >= 1),
    happened_at integer not null,
    event text not null check (json_valid(event)),
    from_state text not null check (from_state in (
        'registering', 'registered', 'documents-uploaded', 'verification-triggered', 'polling',
        'requires-data', 'verified', 'rejected', 'held', 'cancelled', 'erased')),
    to_state text not null check (to_state in (
        'registering', 'registered', 'documents-uploaded', 'verification-triggered', 'polling',
        'requires-data', 'verified', 'rejected', 'held', 'cancelled', 'erased')),
    actor text not null check (actor in ('worker', 'cli')),
    policy_key integer not null references policies (key),
    commit_id integer not null,
    unique (onboarding_key, version)
) strict;

-- Every task there ever was; closed ones are kept.
create table tasks (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    number integer not null check (number >= 1),
    kind text not null check (kind in ('consent', 'data', 'document', 'operator')),
    name text not null,
    state text not null check (state in ('open', 'supplied', 'closed')),
    rounds integer not null check (rounds >= 1),
    opened_at integer not null,
    closed_at integer,
    snapshot text not null check (json_valid(snapshot)),
    unique (onboarding_key, number),
    check ((closed_at is not null) = (state = 'closed'))
) strict;

create index tasks_pending on tasks (opened_at, key) where closed_at is null;

-- The pace of each lane, shared by all workers and kept over restarts.
create table budgets (
    lane text primary key check (lane in ('write', 'read')),
    next_at integer not null,
    seen_at integer not null,
    slowdown integer not null check (slowdown between 1 and 8),
    slowed_at integer not null
) strict, without rowid;

-- There is a row only while the provider refuses everyone.
create table provider_closed (
    singleton integer primary key check (singleton = 1),
    closed_at integer not null,
    probe_at integer not null,
    probes integer not null check (probes >= 0),
    lane text not null check (lane in ('write', 'read')),
    suspect blob not null check (length(suspect) = 16),
    message text not null
) strict;

-- The row that is written to prove that the store can be written.
create table write_checks (
    singleton integer primary key check (singleton = 1),
    commit_id integer not null
) strict;
