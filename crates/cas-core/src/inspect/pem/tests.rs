//! Tests of the PEM reader.

use super::*;

fn decode_first(text: &str) -> Result<Vec<u8>, PemError> {
    let (blocks, _) = blocks(text)?;
    blocks[0].decode().map(|der| der.to_vec())
}

#[test]
fn blocks_are_found_between_other_text() {
    let tidy = "-----BEGIN A-----\nbGliY2Fz\n-----END A-----\n";
    assert_eq!(blocks(tidy).unwrap().1, TextOutside::default());
    for (text, wanted) in [
        (format!("\u{feff}{tidy}"), (false, true)),
        (format!("Bag Attributes\n  x: y\n{tidy}"), (true, false)),
        (format!("{tidy}\n{tidy}"), (false, true)),
        (tidy.trim_end().to_owned(), (false, true)),
        (format!("{tidy}--\n"), (true, false)),
        (tidy.replace("-----", "-------"), (true, false)),
        (format!("-----BEGIN SIGNED MAIL-----\n\n{tidy}"), (true, false)),
        (tidy.replace('\n', "\r\n"), (false, false)),
    ] {
        let (found, outside) = blocks(&text).unwrap();
        assert_eq!((outside.has_text, outside.has_extra_space), wanted, "{text:?}");
        assert_eq!(found[0].label, "A");
        assert_eq!(*found[0].decode().unwrap(), b"libcas");
    }
}

#[test]
fn base64_is_decoded_with_any_line_breaks() {
    let tidy = "-----BEGIN A-----\nbGliY2FzIQ==\n-----END A-----\n";
    assert!(blocks(tidy).unwrap().0[0].is_tidy());
    assert!(blocks(&tidy.replace('\n', "\r\n")).unwrap().0[0].is_tidy());
    for untidy in [
        tidy.replace("A-----\nbGl", "A------\nbGl"),
        tidy.replace("\n-----END", "\n------END"),
        tidy.replace("IQ==", "IQ="),
        tidy.replace("IQ==", "IR=="),
        tidy.replace("IQ==", "IQ==="),
    ] {
        let (blocks, outside) = blocks(&untidy).unwrap();
        assert_eq!(outside, TextOutside::default(), "{untidy:?}");
        assert!(!blocks[0].is_tidy(), "{untidy:?}");
    }
    for body in [
        "bGliY2FzIQ==",
        " bGliY2FzIQ== ",
        "\n\nbGli\nY2FzIQ==\n",
        "\nbGliY2FzIQ == \n",
        "\n\u{a0}bGliY2FzIQ\n",
        "\nComment: x\n  y\n\nbGliY2FzIQ==\n",
    ] {
        let text = format!("-----BEGIN A-----{body}-----END A-----\n");
        assert_eq!(decode_first(&text).unwrap(), b"libcas!", "{body:?}");
        assert!(!blocks(&text).unwrap().0[0].is_tidy(), "{body:?}");
    }
}

#[test]
fn errors_name_the_line() {
    let long = "-".repeat(4);
    for (text, line, part) in [
        ("a\n-----BEGIN A", 2, "incomplete BEGIN line"),
        ("-----BEGIN a-----\n", 1, "incomplete BEGIN line"),
        ("\r\r\n-----BEGIN KEY-----\nAAAA\n", 3, "KEY block without an END line"),
        ("-----BEGIN KEY-----\nAAAA\n-----BEGIN B-----\n", 1, "END line is missing or damaged"),
        ("-----BEGIN KEY-----\nAAAA\n-----END B-----\n", 3, "does not match BEGIN KEY in line 1"),
        (&format!("-----BEGIN KEY-----\nAAAA\n-----END KEY{long}\n"), 3, "does not match"),
        ("\n---BEGIN CERTIFICATE---\nAAAA", 2, "five dashes"),
        ("\nPRIVATE KEY\n-----BEGIN A-----", 2, "five dashes"),
        ("-----BEGIN A-----\nAA\nA?\n-----END A-----", 3, "not base64"),
        ("-----BEGIN A-----\nAA==\nAA==\n-----END A-----", 3, "continues after"),
        ("-----BEGIN A-----\nAAAA\nA\n-----END A-----", 3, "truncated base64"),
        ("-----BEGIN A-----\n-----END A-----", 1, "empty"),
        ("-----BEGIN A-----\nX: y\n\nA?==\n-----END A-----", 4, "not base64"),
    ] {
        let error = decode_first(text).unwrap_err();
        assert_eq!(error.line, line, "{text:?} {error:?}");
        assert!(error.reason.contains(part), "{text:?} {error:?}");
    }
}

#[test]
fn lines_have_at_most_64_columns() {
    let is_tidy = |columns: usize| {
        let text = format!("-----BEGIN A-----\n{}\n-----END A-----\n", "A".repeat(columns));
        blocks(&text).unwrap().0[0].is_tidy()
    };
    assert!(is_tidy(60) && is_tidy(64) && !is_tidy(65) && !is_tidy(68));
    let full = "A".repeat(64);
    let is_tidy = |first: &str, second: &str| {
        let text = format!("-----BEGIN A-----\n{first}\n{second}\n-----END A-----\n");
        blocks(&text).unwrap().0[0].is_tidy()
    };
    assert!(is_tidy(&full, "AAAA") && is_tidy(&full, &full) && !is_tidy("AAAA", &full));
}

#[test]
fn labels_have_at_most_64_bytes() {
    let block = |length: usize| {
        let label = "K".repeat(length);
        blocks(&format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"))
            .map(|(blocks, _)| blocks[0].label.len())
    };
    assert_eq!(block(64), Ok(64));
    assert!(block(65).is_err() && block(0).is_err());
}

#[test]
fn bare_base64_is_decoded() {
    assert_eq!(decode_bare(&"MIIB".repeat(20)).unwrap().len(), 60);
    assert_eq!(decode_bare(&format!("\"{}\"\n", "MIIB\n".repeat(20))).unwrap().len(), 60);
    assert!(decode_bare("MIIB").is_none());
    assert!(decode_bare(&"A".repeat(40)).is_some() && decode_bare(&"A".repeat(39)).is_none());
    // Plain words can be valid base64; the caller checks the decoded bytes.
    assert!(decode_bare(&"no certificate at all ".repeat(9)).is_some());
    assert!(decode_bare(&"not base64! ".repeat(9)).is_none());
}

#[test]
fn written_blocks_are_tidy() {
    for length in [1, 47, 48, 49, 500] {
        let der: Vec<u8> = (0..=250).cycle().take(length).collect();
        let mut pem = String::new();
        write("A B", &der, &mut pem);
        assert_eq!(pem.capacity(), pem.len());
        let (found, outside) = blocks(&pem).unwrap();
        assert_eq!((found.len(), outside), (1, TextOutside::default()));
        assert!(found[0].is_tidy() && found[0].label == "A B");
        assert_eq!(*found[0].decode().unwrap(), der);
    }
}
