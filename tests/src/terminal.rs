//! A person at a terminal: reads what a program asks and types the answer.

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);

/// One program on a terminal of its own. Killed when dropped.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Receiver<Vec<u8>>,
    /// All that was shown.
    shown: String,
    /// How much of it has been waited for.
    read: usize,
}

impl Terminal {
    /// Starts the program.
    pub fn run(command: CommandBuilder) -> Self {
        let size = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("its screen");
        let keyboard = pair.master.take_writer().expect("its keyboard");
        let (pieces, screen) = channel();
        std::thread::spawn(move || {
            let _master = pair.master;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if pieces.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, shown: String::new(), read: 0 }
    }

    /// Waits until the program prints this text (after the text of the last wait), then types a line.
    pub fn answer(&mut self, question: &str, line: &str) {
        self.expect(question);
        self.keyboard.write_all(format!("{line}\r").as_bytes()).expect("it is typed");
    }

    /// Waits until this is shown.
    pub fn expect(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            assert!(self.more(until), "{text:?} is not shown, but: {}", self.shown);
        }
    }

    /// Waits for the end; all that was shown. Panics unless the program succeeded.
    pub fn end(mut self) -> String {
        let until = Instant::now() + PATIENCE;
        while self.more(until) {}
        let status = self.child.wait().expect("an exit code");
        assert!(status.success(), "the program failed: {}", self.shown);
        std::mem::take(&mut self.shown)
    }

    /// False at the end, or when nothing more comes in time.
    fn more(&mut self, until: Instant) -> bool {
        match self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(piece) => {
                self.shown.push_str(&String::from_utf8_lossy(&piece));
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }
}
