//! What expressions can call. All total: a wrong kind of argument is a message that names the function.

use std::borrow::Cow;

use super::evaluate::Cell;
use super::node::Function;

/// Calls a function; none of the arguments that it takes is absent.
pub(super) fn call<'a>(function: Function, arguments: [Cell<'a>; 3]) -> Result<Cell<'a>, String> {
    let [first, second, third] = arguments;
    match function {
        Function::Size => size(&first),
        Function::Contains => Ok(Cell::Boolean(text("contains", first)?.contains(&*text("contains", second)?))),
        Function::StartsWith => {
            Ok(Cell::Boolean(text("startsWith", first)?.starts_with(&*text("startsWith", second)?)))
        }
        Function::EndsWith => Ok(Cell::Boolean(text("endsWith", first)?.ends_with(&*text("endsWith", second)?))),
        Function::Text => to_text(first),
        Function::Integer => to_integer(first),
        Function::Fraction => to_fraction(first),
        Function::Boolean => to_boolean(first),
        Function::Lower => Ok(Cell::Text(lower(text("lower", first)?))),
        Function::Upper => Ok(Cell::Text(unless(text("upper", first)?, is_upper, |text| text.to_uppercase()))),
        Function::Trim => Ok(Cell::Text(trim(text("trim", first)?))),
        Function::Ascii => Ok(Cell::Text(unless(text("ascii", first)?, str::is_ascii, ascii))),
        Function::Initials => {
            let names = text("initials", first)?;
            let words = names.split(|letter: char| letter.is_whitespace() || letter == '-');
            Ok(Cell::Text(Cow::Owned(words.filter_map(|word| word.chars().next()).collect())))
        }
        Function::Left => {
            let Cell::Integer(count) = second else {
                return Err(format!("`left` counts with a number, not with {}", second.kind()));
            };
            Ok(Cell::Text(left(text("left", first)?, usize::try_from(count).unwrap_or(0))))
        }
        Function::Replace => {
            let (subject, from, to) = (text("replace", first)?, text("replace", second)?, text("replace", third)?);
            if from.is_empty() {
                return Err("`replace` needs something to look for; its second argument is empty".into());
            }
            Ok(Cell::Text(unless(subject, |subject| !subject.contains(&*from), |subject| subject.replace(&*from, &to))))
        }
        Function::Split => {
            let (subject, separator) = (text("split", first)?, text("split", second)?);
            if separator.is_empty() {
                return Err("`split` needs a separator; its second argument is empty".into());
            }
            let parts = subject.split(&*separator).map(|part| Cell::Text(Cow::Owned(part.to_owned())));
            Ok(Cell::List(parts.collect()))
        }
        Function::Join => join(&first, &text("join", second)?),
    }
}

/// The known name that is closest to a mistyped one, if any is close.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let name = name.to_lowercase();
    let distances = known.into_iter().map(|other| (strsim::osa_distance(&name, &other.to_lowercase()), other));
    distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, other)| other)
}

fn text<'a>(function: &str, cell: Cell<'a>) -> Result<Cow<'a, str>, String> {
    match cell {
        Cell::Text(text) => Ok(text),
        other => Err(format!("`{function}` takes a text, not {}", other.kind())),
    }
}

/// Leaves a text alone that already is as it should be: most are, and then nothing is copied.
fn unless<'a>(text: Cow<'a, str>, fine: impl Fn(&str) -> bool, make: impl Fn(&str) -> String) -> Cow<'a, str> {
    if fine(&text) { text } else { Cow::Owned(make(&text)) }
}

fn is_lower(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Owned(mut text) if text.is_ascii() => {
            text.make_ascii_lowercase();
            Cow::Owned(text)
        }
        text => unless(text, is_lower, str::to_lowercase),
    }
}

fn is_upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase())
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn left(text: Cow<'_, str>, count: usize) -> Cow<'_, str> {
    let end = text.char_indices().nth(count).map_or(text.len(), |(end, _)| end);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

fn size<'a>(cell: &Cell<'a>) -> Result<Cell<'a>, String> {
    let size = match cell {
        Cell::Text(text) => text.chars().count(),
        Cell::Texts(texts) => texts.len(),
        Cell::List(cells) => cells.len(),
        Cell::Map(entries) => entries.len(),
        other => return Err(format!("`size` takes a text, list or table, not {}", other.kind())),
    };
    i64::try_from(size).map(Cell::Integer).map_err(|_| "the size is too large".to_owned())
}

fn to_text(cell: Cell<'_>) -> Result<Cell<'_>, String> {
    Ok(Cell::Text(match cell {
        Cell::Text(text) => text,
        Cell::Integer(value) => Cow::Owned(value.to_string()),
        Cell::Fraction(value) => Cow::Owned(value.to_string()),
        Cell::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        other => return Err(format!("`string` makes no text of {}", other.kind())),
    }))
}

#[expect(clippy::cast_possible_truncation, reason = "checked to lie within the range of whole numbers")]
fn to_integer(cell: Cell<'_>) -> Result<Cell<'_>, String> {
    Ok(Cell::Integer(match cell {
        Cell::Integer(value) => value,
        Cell::Fraction(value) if value.abs() < 9.2e18 => value as i64,
        Cell::Text(text) => text.parse().map_err(|_| format!("`int` makes no number of \"{text}\""))?,
        other => return Err(format!("`int` makes no number of {}", other.kind())),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "what `double` is for")]
fn to_fraction(cell: Cell<'_>) -> Result<Cell<'_>, String> {
    Ok(Cell::Fraction(match cell {
        Cell::Integer(value) => value as f64,
        Cell::Fraction(value) => value,
        Cell::Text(text) => text.parse().map_err(|_| format!("`double` makes no number of \"{text}\""))?,
        other => return Err(format!("`double` makes no number of {}", other.kind())),
    }))
}

fn to_boolean(cell: Cell<'_>) -> Result<Cell<'_>, String> {
    match cell {
        Cell::Boolean(value) => Ok(Cell::Boolean(value)),
        Cell::Text(text) => match &*text {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Cell::Boolean(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Cell::Boolean(false)),
            _ => Err(format!("`bool` makes no truth value of \"{text}\"")),
        },
        other => Err(format!("`bool` makes no truth value of {}", other.kind())),
    }
}

fn join<'a>(list: &Cell<'a>, separator: &str) -> Result<Cell<'a>, String> {
    let joined = match list {
        Cell::Texts(texts) => texts.join(separator),
        Cell::List(cells) => {
            let texts: Result<Vec<&str>, String> = cells
                .iter()
                .map(|cell| match cell {
                    Cell::Text(text) => Ok(&**text),
                    other => Err(format!("`join` joins texts, and one member is {}", other.kind())),
                })
                .collect();
            texts?.join(separator)
        }
        other => return Err(format!("`join` takes a list, not {}", other.kind())),
    };
    Ok(Cell::Text(Cow::Owned(joined)))
}

/// Latin letters without their marks, as passports and mail addresses write them; what has no such spelling is left out.
fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            plain.push(letter);
            continue;
        }
        let lower = letter.to_lowercase().next().unwrap_or(letter);
        // İ is an i with a mark of its own in lower case.
        let spelling = if lower == 'i' { "i" } else { without_marks(lower) };
        if lower == letter {
            plain.push_str(spelling);
        } else {
            // Æsir → AEsir is what machine-readable passports print.
            plain.push_str(&spelling.to_uppercase());
        }
    }
    plain
}

fn without_marks(letter: char) -> &'static str {
    match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ǟ' | 'ǡ' | 'ǻ' | 'ȁ' | 'ȃ' | 'ȧ' | 'ḁ' | 'ẚ' | 'ạ'..='ặ' | 'ª' => {
            "a"
        }
        'æ' | 'ǣ' | 'ǽ' => "ae",
        'ḃ' | 'ḅ' | 'ḇ' | 'ƀ' | 'ɓ' => "b",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' | 'ḉ' | 'ƈ' => "c",
        'ð' | 'ď' | 'đ' | 'ḋ' | 'ḍ' | 'ḏ' | 'ḑ' | 'ḓ' | 'ɖ' | 'ɗ' => "d",
        'è'..='ë'
        | 'ē'
        | 'ĕ'
        | 'ė'
        | 'ę'
        | 'ě'
        | 'ȅ'
        | 'ȇ'
        | 'ȩ'
        | 'ḕ'
        | 'ḗ'
        | 'ḙ'
        | 'ḛ'
        | 'ḝ'
        | 'ẹ'..='ệ'
        | 'ǝ'
        | 'ə' => "e",
        'ḟ' | 'ƒ' => "f",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' | 'ǥ' | 'ǧ' | 'ǵ' | 'ḡ' => "g",
        'ĥ' | 'ħ' | 'ȟ' | 'ḣ' | 'ḥ' | 'ḧ' | 'ḩ' | 'ḫ' | 'ẖ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ǐ' | 'ȉ' | 'ȋ' | 'ḭ' | 'ḯ' | 'ỉ' | 'ị' => "i",
        'ĳ' => "ij",
        'ĵ' | 'ǰ' => "j",
        'ķ' | 'ĸ' | 'ǩ' | 'ḱ' | 'ḳ' | 'ḵ' | 'ƙ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' | 'ḷ' | 'ḹ' | 'ḻ' | 'ḽ' => "l",
        'ḿ' | 'ṁ' | 'ṃ' => "m",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŉ' | 'ŋ' | 'ǹ' | 'ṅ' | 'ṇ' | 'ṉ' | 'ṋ' => "n",
        'ò'..='ö'
        | 'ø'
        | 'ō'
        | 'ŏ'
        | 'ő'
        | 'ơ'
        | 'ǒ'
        | 'ǫ'
        | 'ǭ'
        | 'ǿ'
        | 'ȍ'
        | 'ȏ'
        | 'ȫ'
        | 'ȭ'
        | 'ȯ'
        | 'ȱ'
        | 'ṍ'
        | 'ṏ'
        | 'ṑ'
        | 'ṓ'
        | 'ọ'..='ợ'
        | 'º' => "o",
        'œ' => "oe",
        'ṕ' | 'ṗ' => "p",
        'ŕ' | 'ŗ' | 'ř' | 'ȑ' | 'ȓ' | 'ṙ' | 'ṛ' | 'ṝ' | 'ṟ' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ſ' | 'ṡ' | 'ṣ' | 'ṥ' | 'ṧ' | 'ṩ' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' | 'ṫ' | 'ṭ' | 'ṯ' | 'ṱ' | 'ẗ' => "t",
        'þ' => "th",
        'ù'..='ü'
        | 'ũ'
        | 'ū'
        | 'ŭ'
        | 'ů'
        | 'ű'
        | 'ų'
        | 'ư'
        | 'ǔ'
        | 'ǖ'
        | 'ǘ'
        | 'ǚ'
        | 'ǜ'
        | 'ȕ'
        | 'ȗ'
        | 'ṳ'
        | 'ṵ'
        | 'ṷ'
        | 'ṹ'
        | 'ṻ'
        | 'ụ'..='ự' => "u",
        'ṽ' | 'ṿ' => "v",
        'ŵ' | 'ẁ' | 'ẃ' | 'ẅ' | 'ẇ' | 'ẉ' | 'ẘ' => "w",
        'ẋ' | 'ẍ' => "x",
        'ý' | 'ÿ' | 'ŷ' | 'ȳ' | 'ẏ' | 'ẙ' | 'ỳ'..='ỹ' => "y",
        'ź' | 'ż' | 'ž' | 'ƶ' | 'ẑ' | 'ẓ' | 'ẕ' => "z",
        '’' | '‘' | 'ʼ' => "'",
        '‐'..='―' => "-",
        '\u{a0}' => " ",
        _ => "",
    }
}
