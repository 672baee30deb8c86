#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use super::*;

fn gate(places: usize, queue: usize) -> Gate {
    Gate::new(GateSettings { places, queue, ..GateSettings::default() })
}

fn halves(places: usize, queue: usize) -> Gate {
    Gate::new(GateSettings { places, queue, share: Share::new(0.5).unwrap(), ..GateSettings::default() })
}

fn client(last: u8) -> Client {
    Client::of([192, 0, 2, last].into())
}

async fn enter(gate: &Gate, last: u8, load: Load) -> Option<Pass> {
    gate.enter(client(last), load).await.ok()
}

/// As many as there are without waiting.
async fn fill(gate: &Gate, last: u8, load: Load) -> Vec<Pass> {
    let mut passes = Vec::new();
    while let Some(pass) = enter(gate, last, load).await {
        passes.push(pass);
    }
    passes
}

#[tokio::test]
async fn uploads_leave_a_quarter_of_the_places_to_reads() {
    let gate = gate(4, 0);
    let uploads = fill(&gate, 1, Load::Upload).await;
    assert_eq!(uploads.len(), 3);
    let reads = fill(&gate, 1, Load::Complete).await;
    assert_eq!(reads.len(), 1);
    drop(uploads);
    assert_eq!(fill(&gate, 1, Load::Complete).await.len(), 3);
}

#[tokio::test]
async fn uploads_of_strangers_leave_half_of_the_uploads_to_users() {
    let gate = gate(8, 0);
    let strangers = fill(&gate, 1, Load::StrangersUpload).await;
    assert_eq!(strangers.len(), 3);
    assert_eq!(fill(&gate, 1, Load::Upload).await.len(), 3);
}

#[tokio::test]
async fn one_client_leaves_places_to_the_others() {
    let gate = halves(8, 0);
    let first = fill(&gate, 1, Load::Complete).await;
    assert_eq!(first.len(), 4);
    assert_eq!(fill(&gate, 2, Load::Complete).await.len(), 4);
    drop(first);
    let uploads = fill(&gate, 1, Load::Upload).await;
    assert_eq!(uploads.len(), 3, "its uploads do not stop its own reads either");
    assert_eq!(fill(&gate, 1, Load::Complete).await.len(), 1);
}

#[tokio::test]
async fn one_client_leaves_room_in_the_queue_to_the_others() {
    let gate = halves(2, 4);
    let _first = fill_places(&gate, 1).await;
    let _second = fill_places(&gate, 2).await;
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let gate = gate.clone();
            tokio::spawn(async move { gate.enter(client(1), Load::Complete).await.map(drop) })
        })
        .collect();
    while gate.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(enter(&gate, 1, Load::Complete).await.is_none(), "its share of the queue is full");
    let other = gate.enter(client(3), Load::Complete);
    let other = tokio::time::timeout(Duration::from_millis(20), other).await;
    assert!(other.is_err(), "somebody else may wait");
    for waits in waiting {
        waits.abort();
    }
}

async fn fill_places(gate: &Gate, last: u8) -> Pass {
    enter(gate, last, Load::Complete).await.unwrap()
}

#[tokio::test]
async fn an_answer_that_is_sent_keeps_no_place_of_a_request() {
    let gate = gate(1, 0);
    let mut sending = Vec::new();
    for _ in 0..SENDING {
        sending.push(enter(&gate, 1, Load::Complete).await.unwrap().send());
    }
    let last = enter(&gate, 1, Load::Complete).await.unwrap().send();
    assert!(enter(&gate, 1, Load::Complete).await.is_none(), "the answers have no place left");
    drop(last);
    drop(enter(&gate, 1, Load::Complete).await.unwrap());
}

#[tokio::test]
async fn a_place_that_becomes_free_goes_to_who_waits() {
    let gate = gate(1, 1);
    let pass = enter(&gate, 1, Load::Complete).await.unwrap();
    let waiting = tokio::spawn({
        let gate = gate.clone();
        async move { gate.enter(client(2), Load::Complete).await.map(drop) }
    });
    while gate.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(enter(&gate, 1, Load::Complete).await.is_none(), "the queue is full");
    drop(pass);
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(gate.waiting(), 0);
}

#[tokio::test]
async fn a_client_with_many_requests_is_served_in_turn_with_the_others() {
    let gate = gate(2, 100);
    let mut places = vec![fill_places(&gate, 1).await, fill_places(&gate, 1).await];
    let (tell, mut served) = tokio::sync::mpsc::unbounded_channel();
    // Forty requests of one client, then one each of three others.
    let callers = std::iter::repeat_n(1, 40).chain([2, 3, 4]);
    for (number, last) in callers.enumerate() {
        let (waits, tell) = (gate.clone(), tell.clone());
        tokio::spawn(async move {
            let pass = waits.enter(client(last), Load::Complete).await;
            tell.send((last, pass)).ok();
        });
        while gate.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    let mut order = Vec::new();
    for _ in 0..10 {
        drop(places.pop());
        let (last, pass) = served.recv().await.unwrap();
        order.push(last);
        places.push(pass.unwrap());
    }
    assert_eq!(order, [1, 2, 3, 4, 1, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_request_that_gives_up_passes_its_place_on() {
    let gate = gate(1, 10);
    let pass = fill_places(&gate, 1).await;
    let mut first = Box::pin(gate.enter(client(2), Load::Complete));
    let mut second = Box::pin(gate.enter(client(3), Load::Complete));
    let once = Duration::from_millis(1);
    assert!(tokio::time::timeout(once, &mut first).await.is_err());
    assert!(tokio::time::timeout(once, &mut second).await.is_err());
    drop(pass);
    drop(first);
    drop(second.await.unwrap());
    let state = gate.places.lock();
    assert!(state.waiting.is_empty() && state.lanes.clients() == 0);
}

#[tokio::test]
async fn patience_has_an_end() {
    let settings =
        GateSettings { places: 1, queue: 5, patience: Duration::from_millis(10), ..GateSettings::default() };
    let gate = Gate::new(settings);
    let _pass = enter(&gate, 1, Load::Complete).await.unwrap();
    let busy = gate.enter(client(1), Load::Upload).await.err().unwrap();
    assert_eq!(busy.retry_after, Duration::from_secs(1));
    assert_eq!(gate.waiting(), 0);
}

#[tokio::test]
async fn clients_without_a_request_are_forgotten() {
    let gate = gate(4, 0);
    for last in 0..=255 {
        drop(enter(&gate, last, Load::Complete).await.unwrap());
    }
    assert_eq!(gate.places.lock().lanes.clients(), 0);
}
