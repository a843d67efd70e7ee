//! The pages of the manual: their headings, code and links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use acceptance::top;

/// A document in Markdown.
pub struct Page {
    /// Its path from the top of the repository.
    pub path: PathBuf,
    /// Its lines that are not in a code block.
    prose: Vec<String>,
    /// Its code blocks.
    pub blocks: Vec<Block>,
}

/// A code block.
#[derive(Debug)]
pub struct Block {
    /// What follows the opening fence: the language, then a file name or `no-run`.
    pub info: String,
    /// The code, without the indentation of the fence.
    pub code: String,
}

impl Block {
    /// The language.
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    /// The word after the language.
    pub fn note(&self) -> Option<&str> {
        self.info.split_once(' ').map(|(_, note)| note)
    }

    /// The code without comments, which may be in the language of the page.
    fn without_comments(&self) -> String {
        let comment = |line: &str| match line.split_once("# ") {
            Some((code, _)) if self.language() != "text" => code.trim_end().to_owned(),
            _ => line.to_owned(),
        };
        self.code.lines().map(|line| comment(line) + "\n").collect()
    }
}

impl Page {
    /// Reads a page, by its path from the top of the repository.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(top().join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (mut prose, mut blocks) = (Vec::new(), Vec::new());
        let mut open: Option<(usize, Block)> = None;
        for line in text.lines() {
            let indentation = line.len() - line.trim_start().len();
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => {
                    let block = Block { info: info.to_owned(), code: String::new() };
                    open = Some((indentation, block));
                }
                (None, None) => prose.push(line.to_owned()),
                (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
                (Some((margin, block)), None) => {
                    block.code.extend([line.get(*margin..).unwrap_or_default(), "\n"]);
                }
            }
        }
        assert!(open.is_none(), "{}: a code block is not closed", path.display());
        Self { path, prose, blocks }
    }

    /// The text outside of code blocks.
    pub fn text(&self) -> String {
        self.prose.join("\n")
    }

    /// What is in backticks outside of code blocks.
    pub fn spans(&self) -> BTreeSet<String> {
        let words: Vec<_> = self.prose.iter().map(|line| line.trim()).collect();
        words.join(" ").split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    }

    /// Each code block as another language of the manual has to have it too.
    pub fn code(&self) -> Vec<(String, String)> {
        self.blocks.iter().map(|block| (block.info.clone(), block.without_comments())).collect()
    }

    /// The levels of the headings.
    pub fn levels(&self) -> Vec<usize> {
        self.headings().map(|line| line.bytes().take_while(|byte| *byte == b'#').count()).collect()
    }

    fn headings(&self) -> impl Iterator<Item = &String> {
        self.prose.iter().filter(|line| line.starts_with('#'))
    }

    /// The places that links can name, as mdbook and forges name them.
    fn places(&self) -> BTreeSet<String> {
        let place = |line: &String| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            text.chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    '-' | '_' => Some(c),
                    _ => c.is_alphanumeric().then_some(c),
                })
                .collect()
        };
        self.headings().map(place).collect()
    }

    /// The targets of its links.
    pub fn links(&self) -> Vec<String> {
        let text = self.text();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.map(ToOwned::to_owned).collect()
    }

    /// Its links to files and places that are not there.
    pub fn broken_links(&self) -> Vec<String> {
        let is_broken = |link: &String| {
            if link.is_empty() || link.contains("://") {
                return false;
            }
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => self.path.clone(),
                path => self.path.parent().unwrap().join(path),
            };
            !top().join(&target).exists()
                || !(place.is_empty() || Self::read(&target).places().contains(place))
        };
        let broken = self.links().into_iter().filter(is_broken);
        broken.map(|link| format!("{}: {link}", self.path.display())).collect()
    }
}

/// All pages below a directory of the repository, sorted, without the tables of contents.
pub fn pages(directory: &str) -> Vec<Page> {
    let mut found = Vec::new();
    collect(Path::new(directory), &mut found);
    found.sort();
    found.into_iter().map(Page::read).collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(top().join(directory)).unwrap() {
        let path = directory.join(entry.unwrap().file_name());
        if top().join(&path).is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md")
            && !path.ends_with("SUMMARY.md")
        {
            found.push(path);
        }
    }
}
