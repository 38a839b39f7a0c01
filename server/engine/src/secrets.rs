//! Secrets of connections, encrypted at rest with AES-256-GCM. The key lies in a file beside the database, readable by
//! its owner alone; the name of the secret is authenticated with it, so that ciphertexts cannot be swapped.

use std::collections::HashMap;
use std::path::Path;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::error::ApiError;
use sha2::{Digest, Sha256};

use crate::context::OpContext;
use crate::error::{OpenError, internal};

const NONCE_LENGTH: usize = 12;

/// The key in use.
pub struct Keys {
    cipher: Aes256Gcm,
    id: String,
}

impl Keys {
    /// Reads the key file, or makes one with a fresh key.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |problem: String| OpenError::KeyFile { path: path.to_owned(), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = STANDARD.encode(rand::random::<[u8; 32]>());
                write_private(path, &text).map_err(|error| failed(error.to_string()))?;
                text
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == 32).ok_or_else(|| {
            failed(
                "it must hold 32 bytes in base64; restore it from your backup, since secrets cannot be read without it"
                    .into(),
            )
        })?;
        let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        let id = Sha256::digest(&bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { cipher, id })
    }

    fn seal(&self, name: &str, secret: &str) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload { msg: secret.as_bytes(), aad: name.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    fn open_sealed(&self, name: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LENGTH)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().ok()?;
        let plain = self.cipher.decrypt(&Nonce::from(nonce), Payload { msg: rest, aad: name.as_bytes() }).ok()?;
        String::from_utf8(plain).ok()
    }
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}

/// Keeps a secret under a name; connections refer to it as `secret:NAME`.
pub async fn put(op: &OpContext, name: String, secret: String) -> Result<(), ApiError> {
    op.require("/Configuration/Secrets")?;
    let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !valid {
        return Err(ApiError::invalid("name", "A secret's name consists of letters, digits, `-`, `_` and `.`."));
    }
    let sealed = op.engine.keys().seal(&name, &secret).ok_or_else(ApiError::internal)?;
    let (key, by, at) = (op.engine.keys().id.clone(), op.user.login.clone(), op.now);
    let work =
        op.engine.store().write(move |tx| Box::pin(async move { tx.put_secret(&name, &sealed, &key, &by, at).await }));
    work.await.map_err(internal)?;
    op.engine.connections().forget_all();
    Ok(())
}

/// Secrets in clear, for making a connection; dropped when it is made.
pub(crate) struct Revealed(HashMap<String, String>);

impl Revealed {
    /// Reads and opens the secrets of these names; one that cannot be opened is absent.
    pub(crate) async fn load(engine: &crate::Engine, names: &[String]) -> Self {
        let mut revealed = HashMap::new();
        for name in names {
            match engine.store().secret(name).await {
                Ok(Some((sealed, _))) => {
                    if let Some(secret) = engine.keys().open_sealed(name, &sealed) {
                        revealed.insert(name.clone(), secret);
                    } else {
                        tracing::error!(secret.name = name, "A secret cannot be opened with the key in use");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "Secrets cannot be read"),
            }
        }
        Self(revealed)
    }
}

impl connectors::Secrets for Revealed {
    fn reveal(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn a_sealed_secret_opens_under_its_own_name_only() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::open(&directory.path().join("secret.key")).unwrap();
        let sealed = keys.seal("directory", "s3cret").unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("s3cret"));
        assert_eq!(keys.open_sealed("directory", &sealed).as_deref(), Some("s3cret"));
        assert_eq!(keys.open_sealed("payroll", &sealed), None);
        let again = Keys::open(&directory.path().join("secret.key")).unwrap();
        assert_eq!(again.open_sealed("directory", &sealed).as_deref(), Some("s3cret"));
    }

    #[test]
    fn a_damaged_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        std::fs::write(&path, "short").unwrap();
        assert!(Keys::open(&path).is_err());
    }
}
