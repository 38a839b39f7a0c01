//! Texts with `{part}` in them.

/// Parts that every text knows, beside the groups of the pattern.
pub(crate) const KEY: &str = "key";
pub(crate) const DISPLAY_NAME: &str = "display_name";

/// A text, in pieces.
pub(crate) struct Template<'t> {
    pieces: Vec<Piece<'t>>,
}

enum Piece<'t> {
    Text(&'t str),
    Part(&'t str),
}

impl<'t> Template<'t> {
    /// # Errors
    /// A brace that has no other.
    pub(crate) fn parse(text: &'t str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((part, behind)) = after.split_once('}') else {
                return Err("has a `{` without a `}`; write a part as `{name}`".to_owned());
            };
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Part(part.trim()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest));
        let has_lone_brace = pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('}')));
        match has_lone_brace {
            true => Err("has a `}` without a `{`; write a part as `{name}`".to_owned()),
            false => Ok(Self { pieces }),
        }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &'t str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Part(part) => Some(*part),
            Piece::Text(_) => None,
        })
    }

    pub(crate) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Part(part) => value(part),
        });
        pieces.collect()
    }
}

/// In small letters and digits, with a hyphen for each run of anything else; none at the ends.
pub(crate) fn as_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
