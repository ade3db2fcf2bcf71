//! What people and the world do, as drawn for each happening.

use super::{Errand, HOUR_MS, History, MINUTE_MS, Next, Owner, SECOND_MS};
use crate::chance::{Chance, Purpose};
use crate::people::Person;
use crate::plan::Trouble;
use crate::world::{Process, Wait};

/// Something that befalls the world at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strike {
    Close,
    Forget,
    Regress,
    ChangePolicy,
    Kill,
    Jump,
    Damage,
}

impl Strike {
    const ALL: [Self; 7] = [
        Self::Close,
        Self::Forget,
        Self::Regress,
        Self::ChangePolicy,
        Self::Kill,
        Self::Jump,
        Self::Damage,
    ];

    const fn trouble(self) -> Trouble {
        match self {
            Self::Close => Trouble::Closed,
            Self::Forget => Trouble::Forgotten,
            Self::Regress => Trouble::Regress,
            Self::ChangePolicy => Trouble::PolicyChange,
            Self::Kill => Trouble::Crash,
            Self::Jump => Trouble::ClockJump,
            Self::Damage => Trouble::Damage,
        }
    }
}

impl History {
    pub(super) fn happen(&mut self, number: usize) {
        let mut chance = self.chance(Purpose::Happening, number as u64);
        let strike = chance.one_of(&Strike::ALL);
        let (user, rate) = {
            let plan = &self.world.state().plan;
            (chance.index(plan.users), plan.rate(strike.trouble()))
        };
        if chance.permille(350) && rate > 0 {
            return self.strike(number, strike, user, &mut chance);
        }
        let (found, now) = {
            let state = self.world.state();
            (state.onboarding_of(user), state.wall())
        };
        let person = Person { user, edition: number, now };
        let deeds = person.whim(found.as_ref(), &mut chance);
        self.send_person(Errand { person, deeds });
    }

    fn strike(&mut self, number: usize, strike: Strike, user: usize, chance: &mut Chance) {
        let trouble = strike.trouble();
        let has_occurred = {
            let mut state = self.world.state();
            let now_ms = state.now_ms;
            state.tell(|| format!("befallen by {} (user {user})", trouble.as_str()));
            match strike {
                // It has once it refuses a call, and whoever dies counts for itself.
                Strike::Close => {
                    state.provider.closed_until_ms = now_ms + closed_for_ms(chance);
                    false
                }
                Strike::Kill => false,
                Strike::Forget => state.provider.forget(user),
                Strike::Regress => state.provider.regress(user, now_ms, chance),
                Strike::ChangePolicy => {
                    state.provider.change_policy();
                    true
                }
                Strike::Damage => state.damage(user),
                Strike::Jump => {
                    drop(state);
                    self.jump(number, chance)
                }
            }
        };
        if strike == Strike::Kill {
            self.kill_a_worker(chance);
        }
        if has_occurred {
            self.world.state().coverage.trouble(trouble);
        }
    }

    fn kill_a_worker(&mut self, chance: &mut Chance) {
        let mut processes: Vec<Process> = self
            .tasks
            .values()
            .filter(|task| matches!(task.owner, Owner::Worker(_)))
            .map(|task| task.process)
            .collect();
        processes.dedup();
        if processes.is_empty() {
            return;
        }
        let process = chance.one_of(&processes);
        self.world.state().tell(|| format!("{process} is killed"));
        self.kill(process);
    }

    /// The clock jumps, but not between a claim and its call: no lease can span that. Answers
    /// whether it did.
    fn jump(&mut self, number: usize, chance: &mut Chance) -> bool {
        let is_quiet = self.tasks.values().all(|task| task.wait != Some(Wait::Work));
        let now_ms = self.world.state().now_ms;
        if !is_quiet {
            self.put(now_ms + 1 + chance.below(40), Next::Happening(number));
            return false;
        }
        let jump_ms = match chance.below(4) {
            0 | 1 => -(chance.between(SECOND_MS, 100 * SECOND_MS) as i64),
            2 => chance.between(SECOND_MS, HOUR_MS) as i64,
            _ => chance.between(HOUR_MS, 48 * HOUR_MS) as i64,
        };
        let mut state = self.world.state();
        state.skew_ms += jump_ms;
        state.news += 1;
        if jump_ms > 0 {
            state.ledger.leaps_ms.push(now_ms);
        } else {
            state.ledger.clock_was_set_back();
        }
        state.tell(|| format!("the clock jumps by {jump_ms} ms"));
        true
    }
}

fn closed_for_ms(chance: &mut Chance) -> u64 {
    match chance.below(5) {
        0 => chance.between(HOUR_MS, 6 * HOUR_MS),
        _ => chance.between(SECOND_MS, 20 * MINUTE_MS),
    }
}
