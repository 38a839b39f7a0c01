//! Where to go after signing in: only to a page of this very site. Anything else goes home, so a link cannot use the
//! sign-in page to send people elsewhere.

/// The path, where it is one of ours; home otherwise.
pub fn safe(return_to: Option<&str>) -> &str {
    return_to.filter(|path| is_own_path(path)).unwrap_or("/")
}

fn is_own_path(path: &str) -> bool {
    let mut characters = path.chars();
    characters.next() == Some('/')
        // `//host` and `/\host` are addresses of other hosts to a browser.
        && !matches!(characters.next(), Some('/' | '\\'))
        && path.len() <= 2000
        // Browsers drop tabs and line ends and read backslashes as slashes; a path of ours is plain ASCII, the rest is percent-encoded.
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\')
        // Back to signing in, or straight out again, helps nobody.
        && !["/login", "/logout"].iter().any(|own| path == *own || path.starts_with(&format!("{own}?")))
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn only_own_paths_are_followed() {
        let own = [
            "/",
            "/identities",
            "/identities?text=a%20b&after=5#top",
            "/orders/7",
            "/%09/x",
            "/a//b",
            "/login-history",
        ];
        for path in own {
            assert_eq!(safe(Some(path)), path);
        }
        let others = [
            "",
            " ",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "http://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "evil.example",
            "./x",
            "../x",
            "/x\\..\\y",
            "/ünicode",
            "/a b",
            "/x\r\nset-cookie: a=b",
            "/login",
            "/login?return_to=/login",
            "/logout",
            "data:text/html,x",
            "///evil.example",
            "/\u{0}",
        ];
        for path in others {
            assert_eq!(safe(Some(path)), "/", "{path:?}");
        }
        assert_eq!(safe(Some(&format!("/{}", "x".repeat(5000)))), "/");
        assert_eq!(safe(None), "/");
    }
}
