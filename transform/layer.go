package transform

// Layer is one part of the sandbox that workers are in.
type Layer struct {
	// Name is landlock, seccomp, no_new_privs or rlimits.
	Name string `json:"layer"`
	// On says that each worker has it.
	On bool `json:"on"`
	// Detail is how much of it this system offers, or why there is none.
	Detail string `json:"detail,omitempty"`
}
