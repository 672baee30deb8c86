//! What is printed: one line a ratio, and the figures that it was made of.

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

/// The middle of some figures.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
