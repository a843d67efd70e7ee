//! The modules of a crate, and the arrows between their files: an arrow leads from the file that
//! names an item to the file that defines it.
//!
//! Re-exports are followed: `crate::http::Client`, which `http/mod.rs` re-exports from `client.rs`,
//! is an arrow to `http::client`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Kind, Token, matching, tokens, without_tests};

/// The source files of a crate: path below `src`, and text.
pub type Files = BTreeMap<String, String>;

/// Where an arrow was seen first: path and line.
pub type Arrows = BTreeMap<(String, String), String>;

struct Module {
    /// `http::proxy`; the root is `lib` or `main`.
    name: String,
    /// The module of the file that this module is written in: itself, but for inline ones.
    file: usize,
    path: String,
    parent: Option<usize>,
    root: usize,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    body: Vec<Token>,
}

struct Import {
    /// The name that it has here; `*` for all names of a module.
    alias: String,
    path: Vec<String>,
    line: usize,
}

/// What a path names.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// An item of this module.
    Item(usize),
}

/// All modules of a crate.
pub struct Crate<'a> {
    files: &'a Files,
    /// The name that `main.rs` uses for the library beside it.
    library: String,
    modules: Vec<Module>,
    macros: BTreeMap<String, usize>,
}

impl<'a> Crate<'a> {
    /// Reads the modules that `lib.rs` and `main.rs` declare.
    pub fn read(name: &str, files: &'a Files) -> Self {
        let library = name.replace('-', "_");
        let mut this = Self { files, library, modules: Vec::new(), macros: BTreeMap::new() };
        for root in ["lib", "main"] {
            let path = format!("{root}.rs");
            if files.contains_key(&path) {
                this.add_file(root, &path, None);
            }
        }
        this
    }

    /// The names of the modules that have files of their own.
    pub fn names(&self) -> BTreeSet<String> {
        self.modules.iter().map(|module| self.modules[module.file].name.clone()).collect()
    }

    fn add_file(&mut self, name: &str, path: &str, parent: Option<usize>) -> usize {
        let id = self.add(name, path, parent, None);
        let all = without_tests(&tokens(&self.files[path]));
        self.read_scope(id, &all);
        id
    }

    fn add(&mut self, name: &str, path: &str, parent: Option<usize>, file: Option<usize>) -> usize {
        let id = self.modules.len();
        self.modules.push(Module {
            name: name.to_owned(),
            file: file.unwrap_or(id),
            path: path.to_owned(),
            parent,
            root: parent.map_or(id, |parent| self.modules[parent].root),
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: Vec::new(),
            body: Vec::new(),
        });
        id
    }

    fn child_name(&self, parent: usize, name: &str) -> String {
        match self.modules[parent].parent {
            None => name.to_owned(),
            Some(_) => format!("{}::{name}", self.modules[parent].name),
        }
    }

    /// Reads declarations; what remains is the body, in which paths are looked for.
    fn read_scope(&mut self, id: usize, all: &[Token]) {
        let (mut at, mut depth) = (0, 0_usize);
        while at < all.len() {
            let word = |ahead: usize| all.get(at + ahead).and_then(Token::word);
            let is = |ahead: usize, mark| all.get(at + ahead).is_some_and(|token| token.is(mark));
            match (word(0), word(1)) {
                (Some("mod"), Some(name)) if is(2, ';') => {
                    let child = self.read_child(id, name);
                    self.modules[id].children.insert(name.to_owned(), child);
                    at += 3;
                    continue;
                }
                (Some("mod"), Some(name)) if is(2, '{') => {
                    let end = matching(all, at + 2);
                    let full = self.child_name(id, name);
                    let (path, file) = (self.modules[id].path.clone(), self.modules[id].file);
                    let child = self.add(&full, &path, Some(id), Some(file));
                    self.modules[id].children.insert(name.to_owned(), child);
                    self.read_scope(child, &all[at + 3..end - 1]);
                    at = end;
                    continue;
                }
                (Some("use"), _) if !is(1, '<') => {
                    let end = (at..all.len()).find(|i| all[*i].is(';')).unwrap_or(all.len());
                    let mut imports = Vec::new();
                    use_tree(&all[at + 1..end], &[], &mut imports);
                    self.modules[id].imports.extend(imports);
                    at = end;
                    continue;
                }
                (Some("macro_rules"), _) if is(1, '!') => {
                    let name = word(2).unwrap_or_default().to_owned();
                    self.macros.insert(name.clone(), id);
                    self.modules[id].items.insert(name);
                }
                (
                    Some("fn" | "struct" | "enum" | "union" | "trait" | "type" | "const"),
                    Some(name),
                ) if depth == 0 && name != "fn" && name != "unsafe" => {
                    self.modules[id].items.insert(name.to_owned());
                }
                (Some("static"), Some(name)) if depth == 0 => {
                    let name = if name == "mut" { word(2).unwrap_or_default() } else { name };
                    self.modules[id].items.insert(name.to_owned());
                }
                (Some("pub"), _) if is(1, '(') => {
                    let is_restriction =
                        ["crate", "super", "self", "in"].map(Some).contains(&word(2));
                    at = if is_restriction { matching(all, at + 1) } else { at + 1 };
                    continue;
                }
                _ => {}
            }
            match all[at].kind {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.modules[id].body.push(all[at].clone());
            at += 1;
        }
    }

    fn read_child(&mut self, parent: usize, name: &str) -> usize {
        let path = &self.modules[parent].path;
        let (folder, file) = path.rsplit_once('/').map_or(("", path.as_str()), |(a, b)| (a, b));
        let mut folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if !["lib.rs", "main.rs", "mod.rs"].contains(&file) {
            folder += &format!("{}/", file.trim_end_matches(".rs"));
        }
        let candidates = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
        let found = candidates.iter().find(|path| self.files.contains_key(*path));
        let path = found.unwrap_or_else(|| panic!("{path}: no file for `mod {name}`")).clone();
        let full = self.child_name(parent, name);
        self.add_file(&full, &path, Some(parent))
    }

    /// All arrows between files of the crate.
    pub fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (id, module) in self.modules.iter().enumerate() {
            let mut add = |target: Option<Target>, line: usize| {
                let to = match target {
                    Some(Target::Item(to)) => to,
                    // Naming a module above is not yet using something of it.
                    Some(Target::Module(to)) if !self.is_above(to, id) => to,
                    _ => return,
                };
                let (from, to) = (self.modules[id].file, self.modules[to].file);
                if from != to {
                    let names = (self.modules[from].name.clone(), self.modules[to].name.clone());
                    arrows.entry(names).or_insert_with(|| format!("src/{}:{line}", module.path));
                }
            };
            for import in module.imports.iter().filter(|import| import.alias != "*") {
                add(self.resolve(id, &import.path, 0), import.line);
            }
            for (path, line, is_macro) in paths(&module.body) {
                let target = match &path[..] {
                    [name] if is_macro && !self.is_named_in(id, name) => {
                        self.macros.get(name).map(|module| Target::Item(*module))
                    }
                    [name] if self.is_named_in(id, name) => None,
                    [name] => self.by_glob(id, name, 0),
                    _ => self.resolve(id, &path, 0),
                };
                add(target, line);
            }
        }
        arrows
    }

    fn is_above(&self, module: usize, below: usize) -> bool {
        let parents = |id: &usize| self.modules[*id].parent;
        std::iter::successors(Some(below), parents).any(|id| id == module)
    }

    fn is_named_in(&self, module: usize, name: &str) -> bool {
        let module = &self.modules[module];
        module.items.contains(name)
            || module.children.contains_key(name)
            || module.imports.iter().any(|import| import.alias == name)
    }

    /// What a path means in a module; `None`: something of another crate.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let parent = |module: usize| self.modules[module].parent.unwrap_or(module);
        let (mut current, mut at) = (module, 1);
        match path.first()?.as_str() {
            "crate" => current = self.modules[module].root,
            "self" => {}
            "super" => current = parent(module),
            first if first == self.library => current = 0,
            first => match self.look_up(module, first, depth)? {
                Target::Module(found) => current = found,
                item @ Target::Item(_) => return Some(item),
            },
        }
        while path.get(at).is_some_and(|next| next == "super") {
            (current, at) = (parent(current), at + 1);
        }
        for name in &path[at..] {
            match self.look_up(current, name, depth) {
                Some(Target::Module(found)) => current = found,
                Some(item) => return Some(item),
                None => return Some(Target::Item(current)),
            }
        }
        Some(Target::Module(current))
    }

    fn look_up(&self, module: usize, name: &str, depth: usize) -> Option<Target> {
        let of = &self.modules[module];
        if let Some(child) = of.children.get(name) {
            return Some(Target::Module(*child));
        }
        if of.items.contains(name) {
            return Some(Target::Item(module));
        }
        if depth > 8 {
            return None;
        }
        let mut imports = of.imports.iter().filter(|import| import.alias == name);
        imports
            .find_map(|import| self.resolve(module, &import.path, depth + 1))
            .or_else(|| self.by_glob(module, name, depth))
    }

    fn by_glob(&self, module: usize, name: &str, depth: usize) -> Option<Target> {
        let mut globs = self.modules[module].imports.iter().filter(|import| import.alias == "*");
        globs.find_map(|glob| match self.resolve(module, &glob.path, depth + 1)? {
            Target::Module(from) if depth <= 8 && from != module => {
                self.look_up(from, name, depth + 1)
            }
            _ => None,
        })
    }
}

/// The imports of a use tree.
fn use_tree(tree: &[Token], prefix: &[String], imports: &mut Vec<Import>) {
    let mut path = prefix.to_vec();
    let (mut at, mut alias) = (0, None);
    let line = tree.first().map_or(0, |token| token.line);
    while at < tree.len() {
        match &tree[at].kind {
            Kind::Word(word) if word == "as" => {
                alias = tree.get(at + 1).and_then(Token::word);
                at += 1;
            }
            Kind::Word(word) if word == "self" && !prefix.is_empty() => {}
            Kind::Word(word) => path.push(word.clone()),
            Kind::Separator if at == 0 && prefix.is_empty() => path.push("::".to_owned()),
            Kind::Mark('*') => alias = Some("*"),
            Kind::Mark('{') => {
                let end = matching(tree, at);
                let mut start = at + 1;
                let mut part = start;
                while part < end {
                    if tree[part].is('{') {
                        part = matching(tree, part);
                    }
                    if tree[part].is(',') || part == end - 1 {
                        if start < part {
                            use_tree(&tree[start..part], &path, imports);
                        }
                        start = part + 1;
                    }
                    part += 1;
                }
                return;
            }
            _ => {}
        }
        at += 1;
    }
    let alias = alias.map(ToOwned::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
    imports.push(Import { alias, path, line });
}

/// The paths in a body: their parts, their lines, and whether they call a macro.
fn paths(body: &[Token]) -> Vec<(Vec<String>, usize, bool)> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let line = body[at].line;
        match &body[at].kind {
            Kind::Word(word) => {
                let before = at.checked_sub(1).map(|before| &body[before].kind);
                let mut path = vec![word.clone()];
                while body.get(at + 1).is_some_and(|next| next.kind == Kind::Separator)
                    && let Some(next) = body.get(at + 2).and_then(Token::word)
                {
                    path.push(next.to_owned());
                    at += 2;
                }
                let is_macro = body.get(at + 1).is_some_and(|next| next.is('!'));
                if before != Some(&Kind::Separator) && before != Some(&Kind::Mark('.')) {
                    paths.push((path, line, is_macro));
                }
            }
            // Attributes name functions in strings: #[serde(with = "crate::hex")].
            Kind::Text(text) if text.contains("::") && is_path(text) => {
                let parts = text.split("::").map(ToOwned::to_owned).collect();
                if body[..at].iter().rev().take(12).any(|token| token.is('#')) {
                    paths.push((parts, line, false));
                }
            }
            _ => {}
        }
        at += 1;
    }
    paths
}

fn is_path(text: &str) -> bool {
    text.split("::")
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}
