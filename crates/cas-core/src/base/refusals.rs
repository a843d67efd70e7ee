//! The values that setters refused. A value that was refused stays so until it is set right:
//! libcas never continues with the value before it, or with a default.

use std::slice;

use crate::base::error::Error;

/// The values that were refused, in the order of their first refusal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Vec<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    /// The setter that stands for the value.
    value: &'static str,
    /// The setter that refused it, named after its C function.
    setter: &'static str,
    error: Error,
}

/// The setters that stand for the values that `setter` sets.
fn values_of<'a>(setter: &'a &'static str) -> &'a [&'static str] {
    match *setter {
        "cas_config_set_ca_pem" => &["cas_config_set_ca_file"],
        "cas_request_load_cert_file" => &["cas_request_set_cert_pem"],
        "cas_request_load_key_file" => &["cas_request_set_key_pem"],
        "cas_request_set_pkcs12" | "cas_request_load_pkcs12_file" => {
            &["cas_request_set_cert_pem", "cas_request_set_key_pem"]
        }
        _ => slice::from_ref(setter),
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
            Err(error) => self.refuse(setter, error),
        }
        checked
    }

    /// A valid value was set.
    pub(crate) fn clear(&mut self, setter: &'static str) {
        self.0.retain(|refused| !values_of(&setter).contains(&refused.value));
    }

    /// A value was refused. Keeps its place among the refusals if it was refused before.
    fn refuse(&mut self, setter: &'static str, error: &Error) {
        for &value in values_of(&setter) {
            let refusal = Refusal { value, setter, error: error.clone() };
            match self.0.iter_mut().find(|refused| refused.value == value) {
                Some(same) => *same = refusal,
                None => self.0.push(refusal),
            }
        }
    }

    /// Fails with the first refusal, and names its setter.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.first() {
            Some(Refusal { setter, error, .. }) => Err(error.clone().with_function(setter)),
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
        refusals.refuse("b", &error("Two."));
        refusals.refuse("a", &error("Three."));
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
                refusals.refuse(refused, &error("One."));
                refusals.refuse(corrected, &error("Two."));
                let reported = refusals.check().unwrap_err();
                assert_eq!(reported.message(), format!("{corrected}: Two."));
                refusals.clear(refused);
                refusals.check().unwrap();
            }
        }
    }

    #[test]
    fn a_setter_of_two_values_refuses_and_corrects_both() {
        for both in ["cas_request_set_pkcs12", "cas_request_load_pkcs12_file"] {
            let mut refusals = Refusals::default();
            refusals.refuse(both, &error("One."));
            refusals.clear("cas_request_load_cert_file");
            // The key is still missing.
            assert_eq!(refusals.check().unwrap_err().message(), format!("{both}: One."));
            refusals.refuse("cas_request_set_cert_pem", &error("Two."));
            refusals.clear("cas_request_load_key_file");
            let reported = refusals.check().unwrap_err();
            assert_eq!(reported.message(), "cas_request_set_cert_pem: Two.");
            refusals.refuse("cas_request_set_key_pem", &error("Three."));
            refusals.clear(both);
            refusals.check().unwrap();
        }
    }
}
