//! A file that grows: a line of JSON for each message, on the disk before it counts as taken.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::event::Message;

use super::json;

pub struct File {
    path: PathBuf,
}

impl File {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) async fn send(&self, messages: &[Message]) -> Result<(), String> {
        let mut text = String::new();
        for message in messages {
            text.push_str(&json(message));
            text.push('\n');
        }
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &text)).await;
        let problem = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the writing was broken off".to_owned(),
        };
        Err(format!("The file `{}` cannot be written: {problem}.", self.path.display()))
    }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A line that a crash has cut off is not gone on with.
    let is_whole = match file.seek(SeekFrom::End(-1)) {
        Err(_) => true,
        Ok(_) => {
            let mut last = [0];
            file.read_exact(&mut last)?;
            last == *b"\n"
        }
    };
    if !is_whole {
        file.write_all(b"\n")?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn a_line_that_was_cut_off_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        append(&path, "{\"a\":1}\n").unwrap();
        std::fs::write(&path, "{\"a\":1}\n{\"a\":").unwrap();
        append(&path, "{\"a\":2}\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"a\":\n{\"a\":2}\n");
    }
}
