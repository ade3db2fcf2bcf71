//! Wallets: given, linked, refused, proved and taken back.

use engine::{Edit, IntakeError, Settled};
use onboarding::{
    Effect, Failure, FailureClass, GivenWallet, Onboarding, Reason, State, UserLocator,
    WALLETS_MAX, WalletNumber,
};
use store::{ProviderGate, Store};

use crate::provider::{CHALLENGE, Fault, LINK, STATUS, failure, pending};
use crate::world::{DAY, MINUTE, World, added};

const ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const OTHER: &str = "0x8617E340B3D01FA5F11F306F4090FD50E238070D";
const PROOF: &str = "canary-signature-8841";

fn wallet(address: &str, chain: &str, proof: Option<&str>) -> GivenWallet {
    let given = GivenWallet::of_parts(address, chain, proof.map(str::as_bytes));
    given.expect("it is a wallet").value
}

async fn link<S: Store>(world: &World<S>, user: &UserLocator, given: &GivenWallet) -> Settled {
    world.intake().link_wallet(user, given, world.clock.time()).await.unwrap()
}

async fn standings(world: &World, user: &UserLocator) -> Vec<&'static str> {
    let standing = |onboarding: Onboarding| {
        onboarding.wallets.values().map(onboarding::Wallet::standing).collect()
    };
    standing(world.onboarding(user).await)
}

fn answers(class: FailureClass, status: u16) -> Fault {
    Fault::Fails(Failure { http_status: Some(status), ..failure(class) })
}

/// A user who is verified and has one wallet, whose call meets this.
async fn verified_with_a_wallet(fault: Option<Fault>) -> (World, UserLocator) {
    let world = World::new();
    let user = world.add_user(1).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    world.provider.fault_of(
        &user,
        LINK,
        u32::from(fault.is_some()),
        fault.unwrap_or(Fault::Panics),
    );
    link(&world, &user, &wallet(ADDRESS, "base", None)).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(world.state(&user).await, State::Verified);
    (world, user)
}

#[tokio::test]
async fn a_wallet_of_the_file_is_linked_and_is_no_part_of_the_profile() {
    let world = World::new();
    let user = world.add_user(1).await;
    let patch = format!(
        r#"{{"linkedWallets":[{{"address":"{ADDRESS}","chain":"base","proof":"{PROOF}"}}]}}"#
    );
    let unasked = engine::Added { verify: false, ..added(1) };
    let settled = world.edit(&user, Edit::Patch(patch.as_bytes()), unasked.clone()).await;
    assert_eq!(settled.unchanged, None);
    let again = world.edit(&user, Edit::Patch(patch.as_bytes()), unasked).await;
    assert_eq!(again.unchanged, Some(Reason::AlreadySo), "what is the same is not an edit");
    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(
        (world.state(&user).await, standings(&world, &user).await),
        (State::Verified, vec!["verified"])
    );
    world.provider.record(&user, |record| {
        let linked = &record.wallets[ADDRESS];
        assert!(linked.chain == "base" && linked.proof == Some(PROOF.into()));
        let profile = record.profile.as_ref().unwrap().to_string();
        assert!(!profile.contains("linkedWallets") && !profile.contains(ADDRESS), "{profile}");
    });
    assert_eq!(world.provider.calls_of(&user).iter().filter(|call| **call == LINK).count(), 1);
}

#[tokio::test]
async fn what_is_to_be_signed_is_kept_apart_until_the_proof_is_given() {
    let (world, user) = verified_with_a_wallet(None).await;
    assert_eq!(standings(&world, &user).await, ["to-prove"]);
    let onboarding = world.onboarding(&user).await;
    let held = world.store.wallets(onboarding.id).await.unwrap();
    let view = held[0].view(&onboarding).unwrap();
    assert!(view.ownership.verification_challenge == Some(CHALLENGE.into()));
    assert!(!view.ownership.verified && view.address == ADDRESS && view.chain == "base");
    let kept = format!("{:?}{:?}", onboarding, world.history(&user).await);
    for canary in [ADDRESS, CHALLENGE] {
        assert!(!kept.contains(canary), "{kept}");
    }

    link(&world, &user, &wallet(ADDRESS, "base", Some(PROOF))).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(standings(&world, &user).await, ["verified"]);
    let held = world.store.wallets(onboarding.id).await.unwrap();
    assert!(held[0].challenge.is_none());
    assert!(!format!("{:?}", world.history(&user).await).contains(PROOF));
}

#[tokio::test]
async fn a_refused_wallet_stops_nothing_and_given_again_it_is_tried_again() {
    for (fault, says) in [
        (answers(FailureClass::Refused, 409), "other-users"),
        (answers(FailureClass::Refused, 422), "refused"),
    ] {
        let (world, user) = verified_with_a_wallet(Some(fault)).await;
        assert_eq!(standings(&world, &user).await, [says]);
        let in_the_file =
            format!(r#"{{"linkedWallets":[{{"address":"{ADDRESS}","chain":"base"}}]}}"#);
        let unasked = engine::Added { verify: false, ..added(1) };
        let settled = world.edit(&user, Edit::Patch(in_the_file.as_bytes()), unasked).await;
        assert_eq!(settled.unchanged, Some(Reason::AlreadySo), "a file does not insist");
        let given = wallet(&ADDRESS.to_lowercase(), "base", None);
        assert_eq!(link(&world, &user, &given).await.unchanged, None);
        world.settle_for(&world.worker().await, MINUTE).await;
        assert_eq!(standings(&world, &user).await, ["to-prove"]);
        world.provider.record(&user, |record| assert!(record.wallets.contains_key(ADDRESS)));
        assert_eq!(link(&world, &user, &given).await.unchanged, Some(Reason::AlreadySo));
    }
}

#[tokio::test]
async fn failures_are_retried_with_growing_delays_and_looks_go_on() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending()]);
    link(&world, &user, &wallet(ADDRESS, "base", None)).await;
    let lost = Failure { effect: Effect::Unknown, ..failure(FailureClass::Transient) };
    world.provider.fault_of(&user, LINK, u32::MAX, Fault::FailsAfterEffect(lost));
    world.settle_for(&world.worker().await, DAY).await;
    let wallet = world.onboarding(&user).await.wallets.remove(&WalletNumber(1)).unwrap();
    assert!(wallet.retry.unwrap().attempt > 5, "{wallet:?}");
    assert_eq!(world.onboarding(&user).await.retry, None);
    let calls = world.provider.calls_of(&user);
    assert!(calls.iter().filter(|call| **call == STATUS).count() > 5, "{calls:?}");
    assert_eq!(world.state(&user).await, State::Polling);
    world.provider.heal();
    world.settle_for(&world.worker().await, DAY).await;
    assert_eq!(standings(&world, &user).await, ["to-prove"], "it goes on after a restart");
}

#[tokio::test]
async fn a_wallet_that_alone_is_refused_by_a_closed_provider_holds_nobody() {
    let world = World::new();
    let users = [world.add_user(1).await, world.add_user(2).await];
    for user in &users {
        world.provider.will_say(user, [pending()]);
    }
    world.settle_for(&world.worker().await, MINUTE).await;
    let closed = answers(FailureClass::ProviderClosed, 403);
    world.provider.fault_of(&users[0], LINK, u32::MAX, closed);
    link(&world, &users[0], &wallet(ADDRESS, "base", None)).await;
    world.settle_for(&world.worker().await, DAY).await;
    assert_eq!(standings(&world, &users[0]).await, ["refused"]);
    for user in &users {
        assert_eq!(world.state(user).await, State::Polling);
    }
    assert_eq!(world.store.provider_gate().await.unwrap(), ProviderGate::Open);
}

#[tokio::test]
async fn the_provider_that_lost_the_user_is_sent_the_wallets_again() {
    let (world, user) = verified_with_a_wallet(None).await;
    world.provider.forget(&user);
    world.tell(&user, onboarding::Event::Retried { reason: "look".to_owned() }).await;
    world.settle_for(&world.worker().await, MINUTE).await;
    world.check_nothing_is_lost(&user).await;
    world.provider.record(&user, |record| assert!(record.wallets.contains_key(ADDRESS)));
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_wallet_is_taken_back_by_its_address_while_the_provider_has_not_linked_it() {
    let (world, user) = verified_with_a_wallet(None).await;
    let now = world.clock.time();
    link(&world, &user, &wallet(OTHER, "solana", None)).await;
    let remove = |address: &'static str| {
        let (intake, user) = (world.intake(), user.clone());
        async move { intake.remove_wallet(&user, address, now).await }
    };
    assert_eq!(remove(OTHER).await.unwrap().unchanged, None);
    assert!(matches!(remove(OTHER).await, Err(IntakeError::NoSuchWallet)));
    assert_eq!(remove(ADDRESS).await.unwrap().unchanged, Some(Reason::AlreadyAcknowledged));
    let id = world.onboarding(&user).await.id;
    let held = world.store.wallets(id).await.unwrap();
    assert!(held.len() == 1 && held[0].wallet.address == ADDRESS);
}

#[tokio::test]
async fn a_user_has_so_many_wallets_and_no_more() {
    let world = World::new();
    let user = world.add_user(1).await;
    let address = |number: usize| format!("0x{number:040}");
    for number in 0..WALLETS_MAX {
        link(&world, &user, &wallet(&address(number), "base", None)).await;
    }
    let one_more = wallet(&address(WALLETS_MAX), "base", None);
    let refused = world.intake().link_wallet(&user, &one_more, world.clock.time()).await;
    let Err(IntakeError::Refused(problems)) = refused else { panic!("it is one too many") };
    assert!(problems.to_string().contains("at most 10 wallets"), "{problems}");
    link(&world, &user, &wallet(&address(0), "polygon", None)).await;
}

/// The provider knows the wallet from an earlier call, and may say so in any other.
#[tokio::test]
async fn no_failure_of_any_call_brings_back_a_wallet() {
    let says = format!("recipient {ADDRESS} with {PROOF} is sanctioned");
    for call in [LINK, STATUS] {
        let world = World::new();
        let user = world.add_user(1).await;
        world.provider.will_say(&user, [pending()]);
        link(&world, &user, &wallet(ADDRESS, "base", Some(PROOF))).await;
        let fault = Failure { message: says.clone(), ..failure(FailureClass::Transient) };
        world.provider.fault(call, 2, Fault::Fails(fault));
        world.settle_for(&world.worker().await, MINUTE).await;
        let kept = format!("{:?}{:?}", world.onboarding(&user).await, world.history(&user).await);
        assert!(kept.contains("is sanctioned"), "{kept}");
        assert!(!kept.contains(&ADDRESS[2..]) && !kept.contains(PROOF), "{kept}");
    }
}
