//! scim2-server, from the Python package of that name.

use std::process::Command;

use super::child::{Server, program, start, tools};

pub(crate) const TOKEN: &str = "a-token-for-tests";

pub(crate) fn start_scim2_server() -> Server {
    let binary = program("scim2-server", &[tools().join("venv/bin")]);
    start("scim2-server", |port| {
        let mut command = Command::new(&binary);
        command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]);
        Server::saying(command, port, "Serving SCIM")
    })
}
