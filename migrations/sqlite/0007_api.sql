-- The HTTP API. Its clients are actors of their own.
create table history_of_every_actor (
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
    actor text not null check (actor in ('worker', 'cli', 'api')),
    policy_key integer not null references policies (key),
    commit_id integer not null,
    unique (onboarding_key, version)
) strict;
insert into history_of_every_actor
    (key, onboarding_key, version, happened_at, event, from_state, to_state, actor, policy_key,
     commit_id)
    select key, onboarding_key, version, happened_at, event, from_state, to_state, actor,
        policy_key, commit_id from history;
drop table history;
alter table history_of_every_actor rename to history;

-- The keys of the API's clients. Of the secret there is only a hash, so that nobody who reads the
-- database can use one. A key that was revoked stays, as a sign that keys are in use.
create table api_keys (
    key integer primary key,
    -- The public part of the key, by which it is found.
    prefix text not null unique check (prefix <> ''),
    name text not null check (name <> ''),
    hash blob not null check (length(hash) = 32),
    scopes text not null check (json_valid(scopes)),
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer
) strict;

-- What a request with an idempotency key was answered, so that the same request gets the same
-- answer. The keys and what was asked are there as digests only, and the answer holds no personal
-- data: the user's locator is left out of it.
create table answered_requests (
    key integer primary key,
    -- Digest of the client and of the idempotency key.
    request blob not null unique check (length(request) = 32),
    -- Digest of method, path and body.
    asked blob not null check (length(asked) = 32),
    onboarding_key integer references onboardings (key),
    answer text not null check (json_valid(answer)),
    answered_at integer not null
) strict;

create index answered_requests_by_time on answered_requests (answered_at);
create index answered_requests_by_onboarding on answered_requests (onboarding_key);
