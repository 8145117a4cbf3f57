"""The pictures of a study at their addresses: what is read for each stands by what it is about, as in
`lrtune.service.pictures`; `routes` names them all."""
