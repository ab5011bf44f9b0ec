// Package memory governs the memory limit. Its Governor is the only owner of
// it: it splits the limit of all processes by a plan, admits fetches, sources,
// transforms and responses by budgets, bounds how many clients are connected,
// and looks at what is really in use. It knows nothing of URLs and of how
// pictures are made.
//
// What it guarantees: the parts of a plan sum to no more than its limit, and a
// limit that is too small is an error that says which one would do. What is
// granted together is never more than the plan has room for, also where the
// cache or absent clients lend their part. A job that is larger than the part of
// all jobs runs exclusively, or is refused where it can never fit; whatever ends
// it, all that made room for it is undone. Where the kernel says that memory is
// short, the cache and the budget of transforms shrink at once and grow back
// slowly.
package memory
