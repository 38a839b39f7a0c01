//! Reads what nobody should see over a shoulder, in a process list or in a shell's history.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

/// One line from standard input. At a terminal it is asked for and not shown.
pub fn read(prompt: &str) -> io::Result<String> {
    let terminal = io::stdin().is_terminal();
    if terminal {
        write!(io::stderr(), "{prompt}: ")?;
        echo(false);
    }
    let mut text = String::new();
    let outcome = io::stdin().lock().read_line(&mut text);
    if terminal {
        echo(true);
        writeln!(io::stderr())?;
    }
    outcome?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Where there is no `stty` the line is shown; it still works.
fn echo(on: bool) {
    let argument = if on { "echo" } else { "-echo" };
    let _ = Command::new("stty").arg(argument).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
}
