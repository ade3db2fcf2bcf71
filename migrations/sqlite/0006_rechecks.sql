-- Whether the next call is one more look at a user who was judged, for which nobody waits: a
-- million of them must not stand before a look at one who is in review.

alter table onboardings add column recheck integer
    generated always as (lane = 'read' and state in ('verified', 'rejected')) virtual;
drop index onboardings_due;
create index onboardings_due on onboardings (lane, recheck, due_at) where due_at is not null;
