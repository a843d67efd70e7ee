//! Circles, and arrows against the declared order.

use std::collections::BTreeSet;

use crate::modules::Arrows;

/// Modules of which each reaches each other, in order of the alphabet.
pub type Circle = Vec<String>;

/// All circles: the strongly connected components of more than one module.
pub fn circles(arrows: &Arrows) -> Vec<Circle> {
    let names: BTreeSet<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    let reach = |start: &String| -> BTreeSet<&String> {
        let (mut found, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(name) = next.pop() {
            for (from, to) in arrows.keys() {
                if from == name && found.insert(to) {
                    next.push(to);
                }
            }
        }
        found
    };
    let reached: Vec<_> = names.iter().map(|name| (*name, reach(name))).collect();
    let mut circles = BTreeSet::new();
    for (name, from_here) in &reached {
        let both =
            reached.iter().filter(|(other, back)| from_here.contains(other) && back.contains(name));
        let circle: Circle = both.map(|(other, _)| (*other).clone()).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// A circle with its arrows, one a line.
pub fn describe(circle: &Circle, arrows: &Arrows) -> String {
    let inside =
        arrows.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    let lines = inside.map(|((from, to), place)| format!("\n    {from} -> {to}    {place}"));
    format!("  {}{}", circle.join(" "), lines.collect::<String>())
}

/// Pairs of modules that name each other.
pub fn mutual(arrows: &Arrows) -> usize {
    let back = |(from, to): &(String, String)| arrows.contains_key(&(to.clone(), from.clone()));
    arrows.keys().filter(|arrow| back(arrow)).count() / 2
}

/// The layer of a module: its folder, or its file where it is in none.
fn layer(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// What contradicts the declared order, top to bottom: arrows upwards, and modules of no layer.
pub fn upwards(arrows: &Arrows, modules: &BTreeSet<String>, layers: &[&str]) -> Vec<String> {
    let height = |module: &str| layers.iter().position(|name| *name == layer(module));
    let mut wrong: Vec<String> = modules
        .iter()
        .filter(|module| height(module).is_none())
        .map(|module| format!("  {module} is in no declared layer"))
        .collect();
    for ((from, to), place) in arrows {
        if let (Some(above), Some(below)) = (height(from), height(to))
            && above > below
        {
            wrong.push(format!("  {from} -> {to} points upwards    {place}"));
        }
    }
    wrong
}
