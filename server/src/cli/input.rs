//! Files that commands take, or standard input in the place of one.

use std::io::Read;
use std::path::Path;

use super::CommandError;

/// The text of the file; `-` is standard input.
///
/// # Errors
/// Names the file, and what to do.
pub fn read(file: &Path) -> Result<String, CommandError> {
    let wrong = |error: std::io::Error| {
        CommandError::Usage(format!("`{}` cannot be read: {error}. Name another file.", file.display()))
    };
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file).map_err(wrong);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}
