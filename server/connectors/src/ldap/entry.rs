//! Entries as a server sends them. ldap3's own reader panics where an entry is malformed; a server is not trusted so far.

use std::collections::BTreeMap;

use ldap3::ResultEntry;
use ldap3::asn1::{PL, StructureTag};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    /// By name in small letters. Values that are no text are left out: nothing here manages such.
    attributes: BTreeMap<String, Vec<String>>,
}

impl Entry {
    /// None: this is no entry.
    pub(super) fn read(result: ResultEntry) -> Option<Self> {
        let StructureTag { id: 4, payload: PL::C(parts), .. } = result.0 else { return None };
        let mut parts = parts.into_iter();
        let dn = printable(&text(parts.next()?)?);
        let mut attributes = BTreeMap::new();
        for attribute in constructed(parts.next()?)? {
            let mut parts = constructed(attribute)?.into_iter();
            let name = text(parts.next()?)?.to_ascii_lowercase();
            let values: Vec<String> = constructed(parts.next()?)?.into_iter().filter_map(text).collect();
            attributes.insert(name, values);
        }
        Some(Self { dn, attributes })
    }

    /// All values of an attribute.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.attributes.get(&name.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first value of an attribute.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }
}

/// The same name without control characters, which a name may have and a key, shown and logged, may not.
fn printable(dn: &str) -> String {
    let mut printable = String::with_capacity(dn.len());
    for one in dn.chars() {
        if one.is_control() {
            let mut bytes = [0; 4];
            for byte in one.encode_utf8(&mut bytes).bytes() {
                printable.push_str(&format!("\\{byte:02x}"));
            }
        } else {
            printable.push(one);
        }
    }
    printable
}

fn constructed(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

fn text(tag: StructureTag) -> Option<String> {
    match tag.payload {
        PL::P(bytes) => String::from_utf8(bytes).ok(),
        PL::C(_) => None,
    }
}
