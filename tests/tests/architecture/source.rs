//! Rust source as tokens, without comments and without code that only tests compile.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or a keyword.
    Word(String),
    /// `::`.
    Separator,
    /// Any other character of the syntax.
    Mark(char),
    /// The content of a string literal.
    Text(String),
}

/// A token and the line it is on, counted from 1.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

impl Token {
    /// The identifier, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this character.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// All tokens of a file.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars, at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn advance(&mut self) -> char {
        let c = self.peek(0);
        self.line += usize::from(c == '\n');
        self.at += 1;
        c
    }

    fn push(&mut self, kind: Kind, line: usize) {
        self.tokens.push(Token { kind, line });
    }

    fn step(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.chars.len() && self.peek(0) != '\n' {
                    self.advance();
                }
            }
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(0),
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.at += 2;
                self.push(Kind::Separator, line);
            }
            (c, _) if c.is_whitespace() => drop(self.advance()),
            (c, _) if c.is_ascii_digit() => self.number(),
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            (c, _) => {
                self.advance();
                self.push(Kind::Mark(c), line);
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => (depth, self.at) = (depth + 1, self.at + 2),
                ('*', '/') => (depth, self.at) = (depth - 1, self.at + 2),
                _ => drop(self.advance()),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A string from its opening quotation mark on; `hashes` is the number of `#` of a raw one.
    fn string(&mut self, hashes: usize) {
        let raw = self.tokens_end_raw();
        let line = self.line;
        let mut text = String::new();
        self.advance();
        while self.at < self.chars.len() {
            let ends = self.peek(0) == '"' && (1..=hashes).all(|n| self.peek(n) == '#');
            if ends {
                self.at += 1 + hashes;
                break;
            }
            if self.peek(0) == '\\' && !raw {
                self.advance();
            }
            text.push(self.advance());
        }
        self.push(Kind::Text(text), line);
    }

    /// Whether the string that starts here is raw: the prefix before it has an `r`.
    fn tokens_end_raw(&self) -> bool {
        let before: Vec<char> = self.chars[..self.at].iter().rev().take(260).copied().collect();
        let prefix = before.iter().skip_while(|c| **c == '#').take(2).collect::<String>();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut chars = prefix.chars();
        match (chars.next(), chars.next()) {
            (Some('r'), Some('b' | 'c')) => true,
            (Some('r'), after) => !after.is_some_and(is_word),
            _ => false,
        }
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        self.advance();
        if self.peek(0) == '\\' {
            self.at += 2;
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.advance();
            }
            self.at += 1;
        } else if self.peek(1) == '\'' {
            self.advance();
            self.at += 1;
        } else {
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.advance();
            }
        }
    }

    fn number(&mut self) {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        while is_part(self.peek(0)) || (self.peek(0) == '.' && self.peek(1).is_ascii_digit()) {
            self.advance();
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.advance());
        }
        let is_prefix = ["r", "b", "c", "br", "cr"].contains(&word.as_str());
        let hashes = (0..).take_while(|n| self.peek(*n) == '#').count();
        if is_prefix && self.peek(hashes) == '"' && (hashes == 0 || word.ends_with('r')) {
            self.at += hashes;
            self.string(hashes);
        } else if word == "b" && self.peek(0) == '\'' {
            self.quote();
        } else if word == "r" && self.peek(0) == '#' {
            self.advance(); // a raw identifier, which follows
        } else {
            self.push(Kind::Word(word), line);
        }
    }
}

/// The end of what opens at `start`, which is an opening bracket: one after the closing one.
pub fn matching(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The tokens without those items that `#[cfg(test)]` or `#[test]` marks.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_attribute(tokens, at) {
            let end = matching(tokens, at + 1);
            if is_for_tests(&tokens[at + 2..end - 1]) {
                at = end_of_item(tokens, end);
                continue;
            }
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    kept
}

fn is_attribute(tokens: &[Token], at: usize) -> bool {
    tokens[at].is('#') && tokens.get(at + 1).is_some_and(|next| next.is('['))
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(Token::word).collect();
    let has = |word| words.contains(&word);
    words == ["test"]
        || (words.first() == Some(&"cfg") && has("test") && !has("not") && !has("any"))
}

/// The end of the item, field or statement that starts at `at`, after its other attributes.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() && is_attribute(tokens, at) {
        at = matching(tokens, at + 1);
    }
    let words = || tokens[at..].iter().map_while(Token::word);
    let starts = |names: &[&str]| words().take(4).any(|word| names.contains(&word));
    let has_body =
        starts(&["fn", "mod", "struct", "enum", "union", "trait", "impl", "macro_rules"]);
    let ends_with_semicolon =
        !has_body && starts(&["use", "const", "static", "type", "let", "extern"]);
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Mark(';') => return at + 1,
            Kind::Mark(',') if !has_body && !ends_with_semicolon => return at + 1,
            Kind::Mark(')' | ']' | '}') => return at,
            Kind::Mark('{') => {
                at = matching(tokens, at);
                if !ends_with_semicolon {
                    return at;
                }
            }
            Kind::Mark('(' | '[') => at = matching(tokens, at),
            _ => at += 1,
        }
    }
    at
}
