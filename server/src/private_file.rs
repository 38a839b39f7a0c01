//! Whether others on this machine may read a file that holds a key, a token or a password.

use std::path::Path;

/// # Errors
/// Where it cannot be read at all.
#[cfg(unix)]
pub(crate) fn readable_by_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::File::open(path)?;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// # Errors
/// Where it cannot be read at all.
#[cfg(not(unix))]
pub(crate) fn readable_by_others(path: &Path) -> std::io::Result<bool> {
    std::fs::File::open(path).map(|_| false)
}
