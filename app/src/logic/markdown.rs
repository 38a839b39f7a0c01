//! The part of Markdown that instructions need: paragraphs, headings, lists, code, strong, emphasis, links. It is read into
//! values, and components write those as elements with escaped text; there is no way from here to raw HTML.

/// A block of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Heading(Vec<Span>),
    Paragraph(Vec<Span>),
    Bullets(Vec<Vec<Span>>),
    Steps(Vec<Vec<Span>>),
    Code(String),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    Text(String),
    Strong(String),
    Emphasis(String),
    Code(String),
    /// Text and address; only `https:`, `http:` and `mailto:` ones.
    Link(String, String),
}

/// Reads a text. Whatever is not understood stays as the text it was.
pub fn read(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        if line.trim().is_empty() {
            continue;
        }
        if line.trim_start().starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if let Some(heading) = heading(line) {
            blocks.push(Block::Heading(spans(heading)));
        } else if let Some(first) = bullet(line) {
            blocks.push(Block::Bullets(items(first, &mut lines, bullet)));
        } else if let Some(first) = numbered(line) {
            blocks.push(Block::Steps(items(first, &mut lines, numbered)));
        } else {
            let mut paragraph = line.trim().to_owned();
            while let Some(next) = lines.next_if(|next| continues(next)) {
                paragraph.push(' ');
                paragraph.push_str(next.trim());
            }
            blocks.push(Block::Paragraph(spans(&paragraph)));
        }
    }
    blocks
}

fn continues(line: &str) -> bool {
    let starts_other = line.trim_start().starts_with("```");
    !line.trim().is_empty()
        && !starts_other
        && heading(line).is_none()
        && bullet(line).is_none()
        && numbered(line).is_none()
}

fn items<'a>(
    first: &str,
    lines: &mut std::iter::Peekable<std::str::Lines<'a>>,
    item: fn(&str) -> Option<&str>,
) -> Vec<Vec<Span>> {
    let mut texts = vec![first.to_owned()];
    while let Some(line) = lines.next_if(|line| item(line).is_some() || (line.starts_with("  ") && continues(line))) {
        match (item(line), texts.last_mut()) {
            (None, Some(text)) => {
                text.push(' ');
                text.push_str(line.trim());
            }
            (found, _) => texts.push(found.unwrap_or(line).to_owned()),
        }
    }
    texts.iter().map(|text| spans(text)).collect()
}

fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let depth = line.len() - rest.len();
    (1..=6).contains(&depth).then(|| rest.strip_prefix(' ')).flatten().map(str::trim)
}

fn bullet(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).map(str::trim)
}

fn numbered(line: &str) -> Option<&str> {
    let (digits, rest) = line.trim_start().split_once('.')?;
    let is_number = !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| rest.strip_prefix(' ')).flatten().map(str::trim)
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match marked(rest) {
            Some((span, length)) => {
                if !plain.is_empty() {
                    spans.push(Span::Text(std::mem::take(&mut plain)));
                }
                spans.push(span);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                plain.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Text(plain));
    }
    spans
}

/// The marked piece that the text starts with, and its length in bytes.
fn marked(text: &str) -> Option<(Span, usize)> {
    for (mark, make) in [("**", Span::Strong as fn(String) -> Span), ("`", Span::Code), ("*", Span::Emphasis)] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|after| after.split_once(mark)).map(|(inner, _)| inner)
            && !inner.is_empty()
            && !(mark == "*" && inner.starts_with(' '))
        {
            return Some((make(inner.to_owned()), inner.len() + 2 * mark.len()));
        }
    }
    let (label, after) = text.strip_prefix('[')?.split_once("](")?;
    let (address, _) = after.split_once(')')?;
    let allowed = ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme));
    let plain = !label.contains('[') && !address.contains(char::is_whitespace);
    (allowed && plain).then(|| (Span::Link(label.to_owned(), address.to_owned()), label.len() + address.len() + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Span {
        Span::Text(text.into())
    }

    #[test]
    fn instructions_become_blocks() {
        let source = "# On the mainframe\nSign on to **RACF**\nas `OPER1`.\n\n1. Add the user\n2. Check\n   twice\n\n- a\n* b\n\n```\nADDUSER x\n```";
        assert_eq!(
            read(source),
            vec![
                Block::Heading(vec![text("On the mainframe")]),
                Block::Paragraph(vec![
                    text("Sign on to "),
                    Span::Strong("RACF".into()),
                    text(" as "),
                    Span::Code("OPER1".into()),
                    text("."),
                ]),
                Block::Steps(vec![vec![text("Add the user")], vec![text("Check twice")]]),
                Block::Bullets(vec![vec![text("a")], vec![text("b")]]),
                Block::Code("ADDUSER x".into()),
            ]
        );
    }

    #[test]
    fn html_and_odd_links_stay_text() {
        for source in
            ["<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](data:text/html,y)", "2 * 3 * 4", "**", "``"]
        {
            assert_eq!(read(source), vec![Block::Paragraph(vec![text(source)])], "{source}");
        }
        let link = Span::Link("book".into(), "https://example.org/a".into());
        assert_eq!(read("[book](https://example.org/a)"), vec![Block::Paragraph(vec![link])]);
    }

    #[test]
    fn an_unfinished_code_block_loses_nothing() {
        assert_eq!(read("```\na\nb"), vec![Block::Code("a\nb".into())]);
    }
}
