use super::*;

fn one(text: &str) -> Result<Vec<u8>, Broken> {
    let (blocks, _) = blocks(text)?;
    blocks[0].decode().map(|der| der.to_vec())
}

#[test]
fn blocks_are_found_in_any_surroundings() {
    let tidy = "-----BEGIN A-----\nbGliY2Fz\n-----END A-----\n";
    assert_eq!(blocks(tidy).unwrap().1, Surroundings::default());
    for (text, around) in [
        (format!("\u{feff}{tidy}"), (false, true)),
        (format!("Bag Attributes\n  x: y\n{tidy}"), (true, false)),
        (format!("{tidy}\n{tidy}"), (false, true)),
        (tidy.trim_end().to_owned(), (false, true)),
        (format!("{tidy}--\n"), (true, false)),
        (tidy.replace("-----", "-------"), (true, false)),
        (format!("-----BEGIN SIGNED MAIL-----\n\n{tidy}"), (true, false)),
        (tidy.replace('\n', "\r\n"), (false, false)),
    ] {
        let (found, seen) = blocks(&text).unwrap();
        assert_eq!((seen.words, seen.space), around, "{text:?}");
        assert_eq!(found[0].label, "A");
        assert_eq!(*found[0].decode().unwrap(), b"libcas");
    }
}

#[test]
fn base64_is_read_however_it_is_broken_into_lines() {
    let tidy = "-----BEGIN A-----\nbGliY2FzIQ==\n-----END A-----\n";
    assert!(blocks(tidy).unwrap().0[0].is_tidy());
    assert!(blocks(&tidy.replace('\n', "\r\n")).unwrap().0[0].is_tidy());
    for body in [
        "bGliY2FzIQ==",
        " bGliY2FzIQ== ",
        "\n\nbGli\nY2FzIQ==\n",
        "\nbGliY2FzIQ == \n",
        "\n\u{a0}bGliY2FzIQ\n",
        "\nComment: x\n  y\n\nbGliY2FzIQ==\n",
    ] {
        let text = format!("-----BEGIN A-----{body}-----END A-----\n");
        assert_eq!(one(&text).unwrap(), b"libcas!", "{body:?}");
        assert!(!blocks(&text).unwrap().0[0].is_tidy(), "{body:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    let long = "-".repeat(4);
    for (text, line, part) in [
        ("a\n-----BEGIN A", 2, "no complete BEGIN"),
        ("-----BEGIN a-----\n", 1, "no complete BEGIN"),
        ("\r\r\n-----BEGIN KEY-----\nAAAA\n", 3, "no END line"),
        ("-----BEGIN KEY-----\nAAAA\n-----BEGIN B-----\n", 1, "END line is missing"),
        ("-----BEGIN KEY-----\nAAAA\n-----END B-----\n", 3, "no END line for the KEY of line 1"),
        (&format!("-----BEGIN KEY-----\nAAAA\n-----END KEY{long}\n"), 3, "no END line for"),
        ("\n---BEGIN CERTIFICATE---\nAAAA", 2, "five dashes"),
        ("\nPRIVATE KEY\n-----BEGIN A-----", 2, "five dashes"),
        ("-----BEGIN A-----\nAA\nA?\n-----END A-----", 3, "not base64"),
        ("-----BEGIN A-----\nAA==\nAA==\n-----END A-----", 3, "goes on"),
        ("-----BEGIN A-----\nAAAA\nA\n-----END A-----", 3, "in the middle"),
        ("-----BEGIN A-----\n-----END A-----", 1, "empty"),
        ("-----BEGIN A-----\nX: y\n\nA?==\n-----END A-----", 4, "not base64"),
    ] {
        let broken = one(text).unwrap_err();
        assert_eq!(broken.line, line, "{text:?} {broken:?}");
        assert!(broken.why.contains(part), "{text:?} {broken:?}");
    }
}

#[test]
fn escapes_are_resolved() {
    assert_eq!(unescaped("a\nb"), None);
    assert_eq!(unescaped(r"a\b").as_deref().map(String::as_str), None);
    assert_eq!(
        unescaped(r"a\nb\r\n\/\\n\\\/\x\u003D\u").as_deref().map(String::as_str),
        Some("a\nb\r\n/\n/\\x=\\u")
    );
}

#[test]
fn bare_base64_is_recognised() {
    assert_eq!(bare(&"MIIB".repeat(20)).unwrap().len(), 60);
    assert_eq!(bare(&format!("\"{}\"\n", "MIIB\n".repeat(20))).unwrap().len(), 60);
    assert!(bare("MIIB").is_none());
    // Words may be base64 as well; what they decode to is nothing then.
    assert!(bare(&"no certificate at all ".repeat(9)).is_some());
    assert!(bare(&"not base64! ".repeat(9)).is_none());
}

#[test]
fn what_is_written_is_tidy() {
    for length in [1, 47, 48, 49, 500] {
        let der: Vec<u8> = (0..=250).cycle().take(length).collect();
        let mut pem = String::new();
        write("A B", &der, &mut pem);
        assert_eq!(pem.capacity(), pem.len());
        let (found, around) = blocks(&pem).unwrap();
        assert_eq!((found.len(), around), (1, Surroundings::default()));
        assert!(found[0].is_tidy() && found[0].label == "A B");
        assert_eq!(*found[0].decode().unwrap(), der);
    }
}
