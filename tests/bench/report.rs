//! What is printed: one line a ratio, and the figures that it was made of.

use std::time::Duration;

use crate::load::Round;

/// One of ours against others, over the same rounds.
pub struct Contest {
    name: &'static str,
    size: usize,
    ours: Vec<Round>,
    others: Vec<(&'static str, Vec<Round>)>,
}

impl Contest {
    pub fn new(name: &'static str, size: usize) -> Self {
        Self { name, size, ours: Vec::new(), others: Vec::new() }
    }

    pub fn ours(&mut self, round: Round) {
        self.ours.push(round);
    }

    pub fn against(&mut self, other: &'static str, round: Round) {
        match self.others.iter_mut().find(|(name, _)| *name == other) {
            Some((_, rounds)) => rounds.push(round),
            None => self.others.push((other, vec![round])),
        }
    }

    pub fn print(&self, nginx_is_missing: bool) {
        let ours = median(self.ours.iter().map(|round| round.rate));
        for (other, rounds) in &self.others {
            println!("{} / {other} = {:.2}", self.name, ours / median(rounds.iter().map(|round| round.rate)));
        }
        print_figures(self.name, self.size, &self.ours);
        for (other, rounds) in &self.others {
            print_figures(other, self.size, rounds);
        }
        if nginx_is_missing {
            println!("  nginx is not installed: not compared");
        }
    }
}

fn print_figures(name: &str, size: usize, rounds: &[Round]) {
    let rate = median(rounds.iter().map(|round| round.rate));
    let processor = median(rounds.iter().map(|round| round.processor));
    println!(
        "  {name}: {rate:.0} answers a second of {size} bytes, {processor:.0} µs of processor time each"
    );
}

/// One large transfer of ours against others', round by round.
pub struct Race {
    name: &'static str,
    size: usize,
    /// Is a larger ratio better?
    speed: bool,
    ours: Vec<Duration>,
    others: Vec<(&'static str, Vec<Duration>)>,
}

impl Race {
    /// Told as our speed in terms of theirs.
    pub fn speed(name: &'static str, size: usize) -> Self {
        Self { name, size, speed: true, ours: Vec::new(), others: Vec::new() }
    }

    /// Told as our time in terms of theirs.
    pub fn time(name: &'static str, size: usize) -> Self {
        Self { speed: false, ..Self::speed(name, size) }
    }

    pub fn ours(&mut self, time: Duration) {
        self.ours.push(time);
    }

    pub fn against(&mut self, other: &'static str, time: Duration) {
        match self.others.iter_mut().find(|(name, _)| *name == other) {
            Some((_, times)) => times.push(time),
            None => self.others.push((other, vec![time])),
        }
    }

    pub fn print(&self) {
        let ours = middle(&self.ours);
        for (other, times) in &self.others {
            let theirs = middle(times);
            let (what, ratio) = if self.speed { ("speed", theirs / ours) } else { ("time", ours / theirs) };
            println!("{} / {other} = {ratio:.2} (of its {what})", self.name);
        }
        self.remark(self.name, &self.ours);
        for (other, times) in &self.others {
            self.remark(other, times);
        }
    }

    /// A figure that explains the others.
    pub fn remark(&self, name: &str, times: &[Duration]) {
        let seconds = middle(times);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = self.size as f64 / seconds / 1e6;
        println!("  {name}: {seconds:.3} s for {} MiB, {rate:.0} MB/s", self.size >> 20);
    }
}

fn middle(times: &[Duration]) -> f64 {
    median(times.iter().map(Duration::as_secs_f64))
}

/// The middle of some figures.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
