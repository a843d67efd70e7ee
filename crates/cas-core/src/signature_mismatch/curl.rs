//! Reads a curl command, as browsers and tools copy it.

use cas_sign::percent_encode;
use zeroize::Zeroizing;

use crate::signature_mismatch::request::SentRequest;

/// Options with a value that does not change what is signed.
const WITH_VALUE: [&str; 30] = [
    "-b",
    "-c",
    "-D",
    "-E",
    "-K",
    "-m",
    "-o",
    "-P",
    "-r",
    "-u",
    "-w",
    "-x",
    "-y",
    "-Y",
    "-z",
    "--cacert",
    "--capath",
    "--cert",
    "--connect-timeout",
    "--connect-to",
    "--cookie",
    "--key",
    "--max-time",
    "--noproxy",
    "--output",
    "--proxy",
    "--resolve",
    "--retry",
    "--user",
    "--write-out",
];

/// Options that send a file, or more than a form.
const UNREADABLE: [&str; 5] = ["-F", "--form", "--form-string", "-T", "--upload-file"];

/// The curl command that a text begins with, after a prompt.
pub(super) fn command(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['$', '#', '%', '>', ' ']);
    let name = text.split_whitespace().next()?;
    let is_curl = name == "curl" || name.ends_with("/curl") || name == "curl.exe";
    is_curl.then_some(text)
}

/// `None` if it is not complete, or has no URL.
pub(super) fn read(command: &str) -> Option<SentRequest> {
    let words = words(command)?;
    let (mut method, mut url, mut is_query) = (None, None, false);
    let (mut data, mut is_known): (Vec<Zeroizing<String>>, _) = (Vec::new(), true);
    let mut headers: Vec<(String, Zeroizing<String>)> = Vec::new();
    let mut left = words.iter().skip(1).map(|word| word.as_str());
    while let Some(word) = left.next() {
        let (option, attached) = split(word);
        let mut value = || attached.map(str::to_owned).or_else(|| left.next().map(str::to_owned));
        match option {
            "-X" | "--request" => method = value(),
            "--url" => url = value(),
            "-G" | "--get" => is_query = true,
            "-I" | "--head" => method = Some("HEAD".to_owned()),
            "-H" | "--header" => {
                let header = Zeroizing::new(value()?);
                let (name, value) = header.split_once([':', ';'])?;
                headers.push((name.to_owned(), Zeroizing::new(value.to_owned())));
            }
            "-A" | "--user-agent" => {
                headers.push(("user-agent".to_owned(), Zeroizing::new(value()?)));
            }
            "-e" | "--referer" => headers.push(("referer".to_owned(), Zeroizing::new(value()?))),
            "--json" => {
                for (name, value) in
                    [("content-type", "application/json"), ("accept", "application/json")]
                {
                    headers.push((name.to_owned(), Zeroizing::new(value.to_owned())));
                }
                data.push(Zeroizing::new(value()?));
            }
            "-d" | "--data" | "--data-ascii" | "--data-binary" => {
                let text = Zeroizing::new(value()?);
                is_known &= !text.starts_with('@');
                data.push(text);
            }
            "--data-raw" => data.push(Zeroizing::new(value()?)),
            "--data-urlencode" => match encoded(&Zeroizing::new(value()?)) {
                Some(text) => data.push(text),
                None => is_known = false,
            },
            _ if UNREADABLE.contains(&option) => return None,
            _ if WITH_VALUE.contains(&option) => drop(value()?),
            _ if option.starts_with('-') && option.len() > 1 => {}
            _ => url = Some(word.to_owned()),
        }
    }
    let joined = data.iter().map(|text| text.as_str()).collect::<Vec<_>>().join("&");
    let (joined, has_data) = (Zeroizing::new(joined), !data.is_empty() || !is_known);
    let sends_body = has_data && !is_query;
    let method = method.unwrap_or_else(|| if sends_body { "POST" } else { "GET" }.to_owned());
    let url = url?;
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    let mut request = SentRequest::of(&method, &url);
    request.set_header("accept", "*/*");
    if sends_body {
        request.set_header("content-type", "application/x-www-form-urlencoded");
        request.body = is_known.then_some(joined);
    } else if has_data {
        let separator = if request.query.is_empty() { "" } else { "&" };
        request.query = Zeroizing::new(format!("{}{separator}{}", *request.query, *joined));
    }
    for (name, value) in &headers {
        request.set_header(name, value);
    }
    Some(request)
}

/// An option and the value that is attached to it, as in `-XPOST`, `--url=…` or `-sSd…`.
fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
        return (word, None);
    };
    // Flags may precede an option with a value.
    let takes_value = |c: char| "XHdAeFTbcDEKmoPruwxyYz".contains(c);
    match letters.char_indices().find(|(_, c)| takes_value(*c)) {
        Some((at, c)) => {
            let end = 1 + at + c.len_utf8();
            let options = ["-X", "-H", "-d", "-A", "-e", "-F", "-T"];
            let name = options.iter().chain(&WITH_VALUE).find(|name| name.ends_with(c));
            let value = (end < word.len()).then(|| &word[end..]);
            (name.map_or("-", |name| *name), value)
        }
        None if letters.contains('G') => ("-G", None),
        None if letters.contains('I') => ("-I", None),
        None => ("-s", None),
    }
}

/// What `--data-urlencode` sends; `None` if it is in a file.
fn encoded(text: &str) -> Option<Zeroizing<String>> {
    let at = text.find(['=', '@']);
    Some(Zeroizing::new(match at {
        Some(at) if text[at..].starts_with('@') => return None,
        Some(0) => percent_encode(&text[1..]),
        Some(at) => format!("{}={}", &text[..at], percent_encode(&text[at + 1..])),
        None => percent_encode(text),
    }))
}

/// Splits a command as a shell does, with `$'…'` and lines that end in `\` or `^`. `None` if a
/// quotation is not closed.
fn words(command: &str) -> Option<Vec<Zeroizing<String>>> {
    let mut words: Vec<Zeroizing<String>> = Vec::new();
    let mut word: Option<Zeroizing<String>> = None;
    let mut left = command.chars().peekable();
    while let Some(c) = left.next() {
        match c {
            '\\' | '^' if matches!(left.peek(), Some('\n' | '\r')) => {
                while left.next_if(|c| matches!(c, '\r' | '\n')).is_some() {}
            }
            c if c.is_whitespace() => {
                // What follows the command.
                if c == '\n' && word.is_none() && !words.is_empty() {
                    break;
                }
                words.extend(word.take());
                if c == '\n' {
                    break;
                }
            }
            ';' | '|' | '>' if word.is_none() => break,
            '$' if left.peek() == Some(&'\'') => {
                left.next();
                ansi_c(&mut left, word.get_or_insert_default())?;
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match left.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match left.next()? {
                        '"' => break,
                        '\\' => match left.next()? {
                            '\n' => {}
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(left.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// Reads to the end of a `$'…'`.
fn ansi_c(left: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) -> Option<()> {
    loop {
        match left.next()? {
            '\'' => return Some(()),
            '\\' => match left.next()? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                kind @ ('u' | 'x') => {
                    let most = if kind == 'u' { 4 } else { 2 };
                    let mut code = 0;
                    for _ in 0..most {
                        let Some(digit) = left.peek().and_then(|c| c.to_digit(16)) else { break };
                        code = code * 16 + digit;
                        left.next();
                    }
                    word.push(char::from_u32(code)?);
                }
                c => word.push(c),
            },
            c => word.push(c),
        }
    }
}
