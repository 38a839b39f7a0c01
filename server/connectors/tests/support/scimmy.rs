//! SCIMMY behind the few lines of `end2end/servers/scimmy`.

use std::path::Path;
use std::process::Command;

use super::child::{Server, program, start};
use super::scim2_server::TOKEN;

pub(crate) fn start_scimmy() -> Server {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../end2end/servers/scimmy");
    assert!(folder.join("node_modules/scimmy").is_dir(), "SCIMMY is not installed; run `.ci/setup tests`");
    let node = program("node", &[]);
    start("SCIMMY", |port| {
        let mut command = Command::new(&node);
        command.current_dir(&folder).args(["server.mjs", &port.to_string(), TOKEN]);
        Server::saying(command, port, "Serving SCIM")
    })
}
