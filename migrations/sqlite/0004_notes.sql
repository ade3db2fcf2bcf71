-- When the next event falls due that time alone brings about, or that follows from another one: a
-- reminder, a renewal, a lost product. Derived from the snapshot. Every row that may have one is
-- looked at once.

alter table onboardings add column note_at integer;
update onboardings set note_at = 0 where state not in ('held', 'cancelled', 'erased');
create index onboardings_noted on onboardings (note_at) where note_at is not null;

-- Tasks for what runs out are of a kind of their own.
create table tasks_of_every_kind (
    key integer primary key,
    onboarding_key integer not null references onboardings (key),
    number integer not null check (number >= 1),
    kind text not null check (kind in ('consent', 'data', 'document', 'operator', 'renewal')),
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
