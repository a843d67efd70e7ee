//! The values that setters refused. A value that was refused stays so until it is set right:
//! libcas never continues with the value before it, or with a default.

use crate::base::error::Error;

/// The setters that refused their value, in the order of their first refusal. A setter is named
/// after its C function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Vec<(&'static str, Error)>);

/// The setter that stands for the value that `setter` sets.
fn value_of(setter: &'static str) -> &'static str {
    match setter {
        "cas_config_set_ca_pem" => "cas_config_set_ca_file",
        "cas_request_load_cert_file" => "cas_request_set_cert_pem",
        "cas_request_load_key_file" => "cas_request_set_key_pem",
        other => other,
    }
}

impl Refusals {
    /// Returns the value if it is valid, and records the error otherwise.
    pub(crate) fn accept<T>(
        &mut self,
        setter: &'static str,
        checked: Result<T, Error>,
    ) -> Result<T, Error> {
        match &checked {
            Ok(_) => self.clear(setter),
            Err(error) => self.refuse(setter, error.clone()),
        }
        checked
    }

    /// A valid value was set.
    pub(crate) fn clear(&mut self, setter: &'static str) {
        self.0.retain(|(refused, _)| value_of(refused) != value_of(setter));
    }

    /// A value was refused. Keeps its place among the refusals if it was refused before.
    fn refuse(&mut self, setter: &'static str, error: Error) {
        let same = self.0.iter_mut().find(|(refused, _)| value_of(refused) == value_of(setter));
        match same {
            Some(refusal) => *refusal = (setter, error),
            None => self.0.push((setter, error)),
        }
    }

    /// Fails with the first refusal, and names its setter.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.first() {
            Some((setter, error)) => Err(error.clone().with_function(setter)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::ErrorKind;

    fn error(message: &str) -> Error {
        Error::new(ErrorKind::Io, message).with_hint("Hint.")
    }

    #[test]
    fn the_first_refusal_is_reported_until_its_value_is_set_right() {
        let mut refusals = Refusals::default();
        let first = |refusals: &Refusals| refusals.check().map_err(|e| e.message().to_owned());
        refusals.check().unwrap();
        refusals.accept::<()>("a", Err(error("One."))).unwrap_err();
        refusals.refuse("b", error("Two."));
        refusals.refuse("a", error("Three."));
        let reported = refusals.check().unwrap_err();
        assert_eq!((reported.kind(), reported.hint()), (ErrorKind::Io, Some("Hint.")));
        assert_eq!(first(&refusals).unwrap_err(), "a: Three.");
        assert_eq!(refusals.accept("a", Ok(7)).unwrap(), 7);
        assert_eq!(first(&refusals).unwrap_err(), "b: Two.");
        refusals.clear("b");
        refusals.check().unwrap();
    }

    #[test]
    fn setters_of_one_value_correct_each_other() {
        for [one, other] in [
            ["cas_config_set_ca_file", "cas_config_set_ca_pem"],
            ["cas_request_set_cert_pem", "cas_request_load_cert_file"],
            ["cas_request_set_key_pem", "cas_request_load_key_file"],
        ] {
            for [refused, corrected] in [[one, other], [other, one]] {
                let mut refusals = Refusals::default();
                refusals.refuse(refused, error("One."));
                refusals.refuse(corrected, error("Two."));
                let reported = refusals.check().unwrap_err();
                assert_eq!(reported.message(), format!("{corrected}: Two."));
                refusals.clear(refused);
                refusals.check().unwrap();
            }
        }
    }
}
