-- The users' wallets, which are personal data: address, chain, what proves that the user owns it,
-- and what the provider wants to be signed. The newest revision of each only.
create table wallets (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    number integer not null check (number >= 1),
    revision integer not null check (revision >= 1),
    address text not null check (address <> ''),
    chain text not null check (chain <> ''),
    proof text check (json_valid(proof)),
    challenge text check (json_valid(challenge)),
    unique (onboarding_key, number)
) strict;

-- Tasks for wallets are of kinds of their own.
create table tasks_of_every_kind (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    number integer not null check (number >= 1),
    kind text not null check (kind in (
        'consent', 'data', 'document', 'operator', 'renewal', 'wallet', 'wallet-proof')),
    name text not null,
    state text not null check (state in ('open', 'supplied', 'closed')),
    rounds integer not null check (rounds >= 1),
    opened_at integer not null,
    closed_at integer,
    snapshot text not null check (json_valid(snapshot)),
    unique (onboarding_key, number),
    check ((closed_at is not null) = (state = 'closed'))
) strict;
insert into tasks_of_every_kind select * from tasks;
drop table tasks;
alter table tasks_of_every_kind rename to tasks;
create index tasks_pending on tasks (opened_at, key) where closed_at is null;
