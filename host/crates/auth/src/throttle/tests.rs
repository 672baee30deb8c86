//! Who waits, who does not, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]
use super::*;

const GUESSER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const PATIENCE: Duration = Duration::from_secs(10);
/// The tags of a right and of a wrong password.
const RIGHT: Tag = 1;
const WRONG: Tag = 2;

fn begin(throttle: &Throttle, name: &str, peer: IpAddr, tag: Tag, now: Instant) -> Result<Attempt, TooMany> {
    throttle.begin(name, peer, tag, PATIENCE, now)
}

/// How long a wrong attempt waits that is not over.
fn try_out(throttle: &Throttle, name: &str, peer: IpAddr, now: Instant) -> Result<Duration, TooMany> {
    begin(throttle, name, peer, WRONG, now).map(|attempt| attempt.wait)
}

/// A wrong attempt that is over at once.
fn guess(throttle: &Throttle, name: &str, peer: IpAddr, now: Instant) -> Result<(), TooMany> {
    let attempt = begin(throttle, name, peer, WRONG, now)?;
    assert!(attempt.wait.is_zero(), "nothing else is being looked at");
    throttle.fail(&attempt, now);
    Ok(())
}

/// As soon as it is not refused; how long that took.
fn guess_patiently(throttle: &Throttle, name: &str, peer: IpAddr, now: Instant) -> Duration {
    let Err(TooMany(wait)) = guess(throttle, name, peer, now) else { return Duration::ZERO };
    guess(throttle, name, peer, now + wait).unwrap();
    wait
}

/// How long a right attempt waits.
fn sign_in(throttle: &Throttle, name: &str, peer: IpAddr, now: Instant) -> Result<Duration, TooMany> {
    let attempt = begin(throttle, name, peer, RIGHT, now)?;
    let wait = attempt.wait;
    throttle.succeed(attempt, RIGHT, now + wait);
    Ok(wait)
}

#[test]
fn the_first_wrong_attempts_are_free_and_later_ones_are_refused_for_longer_and_longer() {
    let (throttle, mut now) = (Throttle::default(), Instant::now());
    let mut waits = Vec::new();
    for _ in 0..15 {
        let wait = guess_patiently(&throttle, "ann", GUESSER, now);
        now += wait;
        waits.push(wait);
    }
    assert!(waits[..5].iter().all(Duration::is_zero), "{waits:?}");
    assert_eq!(waits[5], FIRST_DELAY);
    assert!(waits.is_sorted());
    assert_eq!(waits[14], NAME.longest);
}

#[test]
fn attempts_made_at_once_queue_up_and_are_then_refused() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    let answers: Vec<_> = (0..50).map(|_| try_out(&throttle, "ann", GUESSER, now)).collect();
    let looked_at = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((6..15).contains(&looked_at), "{looked_at}");
    let TooMany(wait) = answers[49].unwrap_err();
    assert!(wait > PATIENCE && wait <= PATIENCE + NAME.longest, "{wait:?}");
}

#[test]
fn whoever_cannot_wait_is_refused_sooner() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    for _ in 0..10 {
        try_out(&throttle, "ann", GUESSER, now).unwrap();
    }
    assert!(throttle.begin("ann", GUESSER, WRONG, Duration::ZERO, now).is_err());
}

#[test]
fn guessing_at_many_names_slows_the_address() {
    let (throttle, mut now) = (Throttle::default(), Instant::now());
    let mut slowest = Duration::ZERO;
    for number in 0..40 {
        let wait = guess_patiently(&throttle, &format!("name{number}"), GUESSER, now);
        now += wait;
        slowest = slowest.max(wait);
    }
    assert_eq!(slowest, NETWORK.longest);
    guess(&throttle, "ann", HOME, now).unwrap();
}

#[test]
fn a_right_attempt_starts_its_sender_afresh() {
    let (throttle, mut now) = (Throttle::default(), Instant::now());
    for _ in 0..8 {
        now += guess_patiently(&throttle, "ann", GUESSER, now);
    }
    now += NAME.longest;
    now += sign_in(&throttle, "ann", HOME, now).unwrap();
    guess(&throttle, "ann", HOME, now).unwrap();
}

#[test]
fn a_right_attempt_does_not_help_those_who_guess_elsewhere() {
    let (throttle, mut now) = (Throttle::default(), Instant::now());
    sign_in(&throttle, "ann", HOME, now).unwrap();
    for _ in 0..15 {
        now += guess_patiently(&throttle, "ann", GUESSER, now);
    }
    now += sign_in(&throttle, "ann", HOME, now).unwrap();
    now += sign_in(&throttle, "ann", HOME, now).unwrap();
    assert_eq!(guess(&throttle, "ann", GUESSER, now), Err(TooMany(NAME.longest)));
}

#[test]
fn nobody_is_locked_out_from_afar() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    sign_in(&throttle, "ann", HOME, now).unwrap();
    while guess(&throttle, "ann", GUESSER, now).is_ok() {}
    assert_eq!(sign_in(&throttle, "ann", HOME, now), Ok(Duration::ZERO));
}

#[test]
fn nobody_is_locked_out_by_strangers_in_the_same_network() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    sign_in(&throttle, "ann", HOME, now).unwrap();
    for number in 0..500 {
        let _ = guess(&throttle, &format!("name{number}"), HOME, now);
    }
    assert!(guess(&throttle, "bob", HOME, now).is_err(), "a stranger waits");
    for _ in 0..8 {
        assert_eq!(sign_in(&throttle, "ann", HOME, now), Ok(Duration::ZERO));
    }
}

#[test]
fn wrong_passwords_for_a_name_do_not_lock_out_its_right_one_from_the_same_network() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    sign_in(&throttle, "ann", HOME, now).unwrap();
    let refused = (0..50).filter(|_| guess(&throttle, "ann", HOME, now).is_err()).count();
    assert!(refused > 30, "{refused}");
    for _ in 0..8 {
        assert!(throttle.trusts("ann", HOME, now));
        assert_eq!(sign_in(&throttle, "ann", HOME, now), Ok(Duration::ZERO));
    }
}

/// A refusal tells an attacker that the guess was wrong, so refusals count too.
#[test]
fn who_shares_a_network_cannot_test_passwords_by_being_refused() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    sign_in(&throttle, "ann", HOME, now).unwrap();
    for _ in 0..GUESSES {
        let _ = guess(&throttle, "ann", HOME, now);
    }
    assert!(!throttle.trusts("ann", HOME, now));
    assert!(begin(&throttle, "ann", HOME, RIGHT, now).is_err(), "as slow as a wrong one");
    assert!(throttle.trusts("ann", HOME, now + GUESS), "it recovers at the rate of {GUESS:?}");
    let _ = guess(&throttle, "ann", HOME, now + GUESS);
    assert!(!throttle.trusts("ann", HOME, now + GUESS));
    assert!(throttle.trusts("ann", HOME, now + MEMORY + GUESS));
}

#[test]
fn only_a_network_that_signed_in_is_trusted_and_for_a_day() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    guess(&throttle, "ann", GUESSER, now).unwrap();
    sign_in(&throttle, "ann", HOME, now).unwrap();
    assert!(throttle.trusts("ann", HOME, now) && !throttle.trusts("ann", GUESSER, now));
    assert!(!throttle.trusts("bob", HOME, now) && !throttle.trusts("ann", HOME, now + ACQUAINTANCE));
}

#[test]
fn right_attempts_never_slow_an_address() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    for number in 0..200 {
        assert_eq!(sign_in(&throttle, &format!("name{number}"), HOME, now), Ok(Duration::ZERO));
    }
}

#[test]
fn an_attempt_that_could_not_be_looked_at_counts_for_nobody() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    for _ in 0..100 {
        let attempt = begin(&throttle, "ann", HOME, WRONG, now).unwrap();
        assert_eq!(attempt.wait, Duration::ZERO);
        throttle.undo(&attempt, now);
    }
}

#[test]
fn wrong_attempts_are_forgotten_after_a_while_and_counters_stay_bounded() {
    let (throttle, now) = (Throttle::default(), Instant::now());
    while guess(&throttle, "ann", GUESSER, now).is_ok() {}
    let later = now + MEMORY + PATIENCE;
    guess(&throttle, "ann", GUESSER, later).unwrap();
    guess(&throttle, "ann", GUESSER, later).unwrap();
    for number in 0..u32::try_from(MOST * 2).unwrap() {
        let _ = sign_in(&throttle, &number.to_string(), IpAddr::V4(number.into()), now);
    }
    let counters = throttle.lock();
    assert!(counters.names.len() <= MOST && counters.networks.len() <= MOST);
    assert!(counters.acquaintances.len() <= MOST);
}

#[test]
fn one_network_of_version_6_counts_as_one_address() {
    let (one, two): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::ffff:2".parse().unwrap());
    assert_eq!(network_of(one), network_of(two));
    assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), GUESSER);
}
