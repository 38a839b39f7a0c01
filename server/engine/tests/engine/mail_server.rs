//! A mail server (aiosmtpd) that keeps what it is given, and refuses some addresses.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::child::{Server, start, tools};

/// A running mail server; its files go with it.
pub struct MailServer {
    pub server: Server,
    folder: TempDir,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub to: String,
    /// Everything, headers included, decoded.
    pub text: String,
}

pub fn start_mail_server() -> MailServer {
    let folder = TempDir::new().unwrap();
    let server = start("aiosmtpd", |port| start_on(folder.path(), port));
    MailServer { server, folder }
}

fn start_on(folder: &Path, port: u16) -> Option<Server> {
    let python: PathBuf = tools().join("venv/bin/python");
    assert!(python.is_file(), "aiosmtpd is not installed; run `.ci/setup tests`");
    let mut command = Command::new(python);
    command.args(["-c", PROGRAM, &port.to_string()]).arg(folder);
    Server::saying(command, port, "ready")
}

impl MailServer {
    /// In the order of arrival.
    pub fn arrived(&self) -> Vec<Arrived> {
        let Ok(text) = std::fs::read_to_string(self.folder.path().join("arrived")) else { return Vec::new() };
        let read = |line: &str| {
            let mail: serde_json::Value = serde_json::from_str(line).unwrap();
            Arrived { to: mail["to"].as_str().unwrap().to_owned(), text: mail["text"].as_str().unwrap().to_owned() }
        };
        text.lines().map(read).collect()
    }
}

const PROGRAM: &str = r#"
import asyncio, email, email.policy, json, os, sys
from aiosmtpd.smtp import SMTP

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 There is no such mailbox"
        if address.startswith("full@"):
            return "452 4.2.2 The mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = "".join(f"{name}: {value}\n" for name, value in mail.items())
        for part in mail.walk():
            if not part.is_multipart():
                text += "\n" + part.get_content()
        with open(os.path.join(sys.argv[2], "arrived"), "a") as file:
            for address in envelope.rcpt_tos:
                file.write(json.dumps({"to": address, "text": text}) + "\n")
        return "250 OK"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="tests"), "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;
