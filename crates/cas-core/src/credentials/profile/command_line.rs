//! Splits a `process_command` into the program and its arguments.

/// Splits as a POSIX shell does, without expansions and without comments: a `#` is a character like
/// any other, as in the official packages. `None` if a quote is not closed or a backslash is the
/// last character.
pub(crate) fn split(command: &str) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    // An argument in quotes may be empty.
    let mut argument: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, white) if white.is_ascii_whitespace() => arguments.extend(argument.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                argument.get_or_insert_default();
            }
            (Some(open), closing) if open == closing => quote = None,
            (None | Some('"'), '\\') => match characters.next()? {
                '\n' => {}
                escaped => {
                    let argument = argument.get_or_insert_default();
                    if quote.is_some() && !matches!(escaped, '"' | '\\' | '$' | '`') {
                        argument.push('\\');
                    }
                    argument.push(escaped);
                }
            },
            _ => argument.get_or_insert_default().push(character),
        }
    }
    arguments.extend(argument);
    quote.is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_by_a_shell_without_comments() {
        for (command, arguments) in [
            ("", Some(vec![])),
            (" \t\n", Some(vec![])),
            ("a b\tc\n", Some(vec!["a", "b", "c"])),
            ("tool --tag #1 #x", Some(vec!["tool", "--tag", "#1", "#x"])),
            ("#tool", Some(vec!["#tool"])),
            ("'a b' \"c d\"e'f'", Some(vec!["a b", "c def"])),
            ("a '' \"\" b", Some(vec!["a", "", "", "b"])),
            (r#"a\ b \' \" \# \\"#, Some(vec!["a b", "'", "\"", "#", "\\"])),
            (r#""\" \\ \$ \` \x 'y'""#, Some(vec!["\" \\ $ ` \\x 'y'"])),
            (r#"'\x " $HOME'"#, Some(vec!["\\x \" $HOME"])),
            ("a\\\nb \"c\\\nd\" 'e\\\nf'", Some(vec!["ab", "cd", "e\\\nf"])),
            ("程序 'é'", Some(vec!["程序", "é"])),
            ("'a", None),
            ("\"a", None),
            ("\"a\\\"", None),
            ("a\\", None),
        ] {
            assert_eq!(split(command).as_deref(), arguments.as_deref().map(strings).as_deref());
        }
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }
}
