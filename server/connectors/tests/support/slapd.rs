//! OpenLDAP's slapd with a directory of its own, with the overlays that keep references in order where it has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::child::{Server, program, start};

pub(crate) const SUFFIX: &str = "dc=example,dc=org";
pub(crate) const ADMIN: &str = "cn=admin,dc=example,dc=org";
pub(crate) const PASSWORD: &str = "admin-s3cret";

/// A running directory; its files go with it.
pub(crate) struct Slapd {
    pub(crate) server: Server,
    _folder: TempDir,
}

/// Starts one with people, groups and the two groups given. With `overlays`, the server itself keeps references to
/// renamed and deleted entries in order.
pub(crate) fn start_slapd(groups: &[&str], overlays: bool) -> Slapd {
    start_with(groups, overlays, "olcDbNoSync: TRUE")
}

/// One whose changes are on the disk when they are answered, without overlays.
#[allow(dead_code, reason = "only benchmarks measure it")]
pub(crate) fn start_durable_slapd(groups: &[&str]) -> Slapd {
    start_with(groups, false, "olcDbNoSync: FALSE")
}

fn start_with(groups: &[&str], overlays: bool, durability: &str) -> Slapd {
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/lib/openldap")];
    let (slapd, slapadd) = (program("slapd", &sbin), program("slapadd", &sbin));
    let folder = TempDir::new().expect("a folder");
    let configuration = folder.path().join("configuration");
    let data = folder.path().join("data");
    for path in [&configuration, &data] {
        std::fs::create_dir(path).expect("a folder");
    }
    load(&slapadd, &configuration, folder.path(), "0", &settings(&data, overlays, durability));
    load(&slapadd, &configuration, folder.path(), "1", &entries(groups));
    let server = start("slapd", |port| {
        let mut command = Command::new(&slapd);
        command.arg("-F").arg(&configuration).args(["-h", &format!("ldap://127.0.0.1:{port}/"), "-d", "0"]);
        Server::listening(command, port)
    });
    Slapd { server, _folder: folder }
}

fn load(slapadd: &Path, configuration: &Path, folder: &Path, database: &str, ldif: &str) {
    let file = folder.join(format!("{database}.ldif"));
    std::fs::write(&file, ldif).expect("a file");
    let mut command = Command::new(slapadd);
    command.args(["-n", database, "-F"]).arg(configuration).arg("-l").arg(&file);
    let output = command.output().expect("slapadd");
    assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
}

fn settings(data: &Path, overlays: bool, durability: &str) -> String {
    let schemas = ["core", "cosine", "inetorgperson"]
        .map(|name| format!("include: file:///etc/ldap/schema/{name}.ldif\n\n"))
        .concat();
    let (modules, overlays) = if overlays {
        (
            "olcModuleLoad: memberof\nolcModuleLoad: refint\n",
            "dn: olcOverlay=memberof,olcDatabase={1}mdb,cn=config\nobjectClass: olcOverlayConfig\n\
             objectClass: olcMemberOf\nolcOverlay: memberof\nolcMemberOfRefInt: TRUE\n\n\
             dn: olcOverlay=refint,olcDatabase={1}mdb,cn=config\nobjectClass: olcOverlayConfig\n\
             objectClass: olcRefintConfig\nolcOverlay: refint\nolcRefintAttribute: member\n\
             olcRefintNothing: cn=nobody,dc=example,dc=org\n\n",
        )
    } else {
        ("", "")
    };
    format!(
        "dn: cn=config\nobjectClass: olcGlobal\ncn: config\n\n\
         dn: cn=module,cn=config\nobjectClass: olcModuleList\ncn: module\nolcModulePath: /usr/lib/ldap\n\
         olcModuleLoad: back_mdb\n{modules}\n\
         dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n\
         {schemas}\
         dn: olcDatabase={{1}}mdb,cn=config\nobjectClass: olcDatabaseConfig\nobjectClass: olcMdbConfig\n\
         olcDatabase: mdb\nolcSuffix: {SUFFIX}\nolcRootDN: {ADMIN}\nolcRootPW: {PASSWORD}\n\
         olcDbDirectory: {}\n{durability}\nolcDbMaxSize: 104857600\nolcDbIndex: objectClass,uid,cn,member eq\n\n\
         {overlays}",
        data.display()
    )
}

fn entries(groups: &[&str]) -> String {
    let mut ldif =
        format!("dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n");
    for unit in ["people", "groups"] {
        ldif.push_str(&format!("dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n\n"));
    }
    for group in groups {
        ldif.push_str(&format!(
            "dn: cn={group},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {group}\nmember: {ADMIN}\n\n"
        ));
    }
    ldif
}

/// The application in a configuration whose accounts are the people of the directory at this port, named by `rdn`. `more`
/// goes into its own part, and settings of its connection may follow.
#[allow(dead_code, reason = "some tests only let connectors speak with it")]
pub(crate) fn application((name, label): (&str, &str), port: u16, rdn: &str, more: &str) -> String {
    format!(
        r#"
[applications.{name}]
display_name = "{label}"
demo = true
{more}
[applications.{name}.connection]
kind = "ldap"
url = "ldap://127.0.0.1:{port}"
bind_dn = "{ADMIN}"
password = "{PASSWORD}"
account_base = "ou=people,{SUFFIX}"
account_classes = ["inetOrgPerson"]
account_rdn = "{rdn}"
group_base = "ou=groups,{SUFFIX}"
group_class = "groupOfNames"
"#
    )
}

/// A connection to the server at this port, as its administrator.
#[allow(dead_code, reason = "some tests only let connectors speak with it")]
pub(crate) async fn signed_in(port: u16) -> ldap3::Ldap {
    let (connection, mut ldap) = ldap3::LdapConnAsync::new(&format!("ldap://127.0.0.1:{port}")).await.unwrap();
    tokio::spawn(connection.drive());
    ldap.simple_bind(ADMIN, PASSWORD).await.unwrap().success().unwrap();
    ldap
}
