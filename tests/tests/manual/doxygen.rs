//! Doxygen finds everything in the headers documented.

use acceptance::{Program, installed, scratch, top};

#[test]
fn the_headers_are_documented() {
    if !installed("doxygen") {
        println!("doxygen is not installed: the headers are not read");
        return;
    }
    let include = top().join("include");
    let settings = format!(
        "INPUT={0}/cas.h {0}/cas.hpp\nOUTPUT_DIRECTORY={1}\n\
         EXCLUDE_SYMBOLS=*::detail *::detail::*\n\
         MACRO_EXPANSION=YES\nPREDEFINED=CAS_WARN_UNUSED_RESULT=\nHIDE_FRIEND_COMPOUNDS=YES\n\
         GENERATE_HTML=NO\nGENERATE_LATEX=NO\nGENERATE_XML=YES\nQUIET=YES\n",
        include.display(),
        scratch("manual").join("doxygen").display()
    );
    let outcome = Program::bare("doxygen").arg("-").run_with(&settings).exits_with(0);
    assert_eq!(outcome.stderr, "");
}
