// Package worker does picture work in processes of its own. Pool is the
// server's side: it starts workers on demand, hands each one job at a time and
// implements transform.Transformer. Serve is the other side, the whole life of
// a worker.
//
// What it guarantees:
//   - A job that runs past its deadline is ended by ending its process, so a
//     deadline holds whatever a codec is doing.
//   - A worker that dies under a job costs one retry on a fresh worker, no more;
//     one that the pool ended itself is not retried.
//   - A worker whose server is gone exits at once, also in the middle of an
//     encode: it watches its socket from a second thread.
//   - The server believes nothing that a worker says: lengths are bounded
//     before they are allocated, and a result must be a whole picture of the
//     asked format and the planned size.
//   - All workers of a server are of its build: they run one file, which the
//     server holds open, and one that says otherwise gets no job.
//   - A worker is confined, as far as the system offers it: see Sandbox.
package worker
