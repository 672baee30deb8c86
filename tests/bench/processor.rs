//! Processor time that a process and its children have used, from `/proc`.

/// Clock ticks a second, as Linux has them everywhere.
const TICKS: f64 = 100.0;

/// User and system time of a process, in seconds.
pub fn seconds(process: u32) -> f64 {
    let children =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let others = children.split_whitespace().filter_map(|id| id.parse().ok());
    own_seconds(process) + others.map(own_seconds).sum::<f64>()
}

fn own_seconds(process: u32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
        return 0.0;
    };
    // The program's name may hold anything, and ends with the last parenthesis.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<f64>().ok()).sum();
    ticks / TICKS
}
