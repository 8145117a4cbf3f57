"""`lrtune workers`: `command` is what is typed, `passing_on` what of it goes to each worker, `options` what is said of
engines; `engines` makes a fleet of it, `manifests` files for Kubernetes."""
