//! How one role, access profile, entitlement or rule came to be as it is: each version of the configuration that changed it, and what.

use jiff::Timestamp;
use model::draft::ObjectKind;
use model::error::ApiError;
use model::ids::{ConfigurationVersionId, DraftId};
use store::{FormEdge, ObjectForm};

use super::VIEW;
use crate::configuration::{FieldChange, object_difference};
use crate::context::OpContext;
use crate::error::internal;

/// Forms read at once.
const FORMS: usize = 10;

/// One change of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    pub version: ConfigurationVersionId,
    pub by: String,
    pub at: Timestamp,
    /// The draft that was published so, and its title; none where files were applied.
    pub draft: Option<(DraftId, String)>,
    pub what: Turn,
}

/// What became of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Added(Vec<FieldChange>),
    Changed(Vec<FieldChange>),
    Removed,
}

/// The changes of an object, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    pub all: Vec<ObjectVersion>,
    /// There are more, from before this version.
    pub before: Option<ConfigurationVersionId>,
}

/// The latest changes of an object, or those from before a version.
pub async fn versions(
    op: &OpContext,
    kind: ObjectKind,
    name: &str,
    before: Option<ConfigurationVersionId>,
) -> Result<Versions, ApiError> {
    op.require(VIEW)?;
    // One more than is shown, to compare the oldest with.
    let limit = u32::try_from(FORMS + 1).unwrap_or(u32::MAX);
    let forms = op.engine.store().object_forms(kind.table(), name, before, limit).await.map_err(internal)?;
    Ok(turns(&forms, before))
}

/// Where the list is a later part of a longer one, the end of its first form was told there.
fn turns(forms: &[ObjectForm], before: Option<ConfigurationVersionId>) -> Versions {
    let mut versions = Versions::default();
    let mut newer: Option<ConfigurationVersionId> = before;
    for (number, form) in forms.iter().take(FORMS).enumerate() {
        if let Some(end) = &form.ended
            && newer != Some(end.version)
        {
            versions.all.push(version(end, Turn::Removed));
        }
        let older = forms.get(number + 1);
        let precedes = |older: &&ObjectForm| older.ended.as_ref().map(|end| end.version) == Some(form.began.version);
        let what = match older.filter(precedes) {
            Some(older) => Turn::Changed(object_difference(Some(&older.body), Some(&form.body))),
            None => Turn::Added(object_difference(None, Some(&form.body))),
        };
        versions.all.push(version(&form.began, what));
        newer = Some(form.began.version);
    }
    versions.before = newer.filter(|_| forms.len() > FORMS);
    versions
}

fn version(edge: &FormEdge, what: Turn) -> ObjectVersion {
    ObjectVersion { version: edge.version, by: edge.by.clone(), at: edge.at, draft: edge.draft.clone(), what }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(from: i64, to: Option<i64>, profiles: &[&str]) -> ObjectForm {
        let edge = |version: i64| FormEdge {
            version: ConfigurationVersionId(version),
            by: "olga".into(),
            at: Timestamp::from_second(version).unwrap(),
            draft: None,
        };
        ObjectForm { began: edge(from), ended: to.map(edge), body: json!({ "access_profiles": profiles }) }
    }

    fn told(versions: &Versions) -> Vec<(i64, String)> {
        let one = |version: &ObjectVersion| {
            let what = match &version.what {
                Turn::Added(fields) => format!("added {}", fields.len()),
                Turn::Changed(fields) => fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                Turn::Removed => "removed".to_owned(),
            };
            (version.version.0, what)
        };
        versions.all.iter().map(one).collect()
    }

    #[test]
    fn an_object_is_added_changed_removed_and_added_again() {
        let forms = [form(9, None, &["c"]), form(5, Some(7), &["b"]), form(2, Some(5), &["a"])];
        let expected = [
            (9, "added 1".to_owned()),
            (7, "removed".to_owned()),
            (5, r#"access_profiles: ["a"] → ["b"]"#.to_owned()),
            (2, "added 1".to_owned()),
        ];
        assert_eq!(told(&turns(&forms, None)), expected);
        assert_eq!(turns(&forms, None).before, None);
        assert_eq!(turns(&[], None), Versions::default());
    }

    #[test]
    fn a_long_list_goes_on_where_it_stopped() {
        let all: Vec<ObjectForm> =
            (0..25).rev().map(|from| form(from, Some(from + 1).filter(|to| *to < 25), &[&from.to_string()])).collect();
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let rest: Vec<ObjectForm> = all
                .iter()
                .filter(|form| before.is_none_or(|before| form.began.version < before))
                .take(FORMS + 1)
                .cloned()
                .collect();
            let found = turns(&rest, before);
            seen.extend(told(&found));
            before = found.before;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 25);
        assert!(seen.iter().take(24).all(|(_, what)| what.contains('→')), "{seen:?}");
        assert_eq!(seen[24], (0, "added 1".to_owned()));
    }
}
