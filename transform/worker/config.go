package worker

import (
	"log/slog"
	"time"
)

// Config configures a Pool.
type Config struct {
	// Command is the path of the program of workers, and its arguments. The program must call Serve.
	Command []string
	// Build is the BuildID that workers must have; empty means any.
	Build string
	// Libraries are directories that workers load libraries from, beside those of the system (Program.Libraries).
	Libraries []string
	// Readable are directories that workers may read besides, such as FontDirs.
	Readable []string
	// Env is the whole environment of a worker. Nil means DefaultEnv.
	Env []string
	// Size is the most workers at once; 0 means 1.
	Size int
	// IdleTime is how long a worker may have nothing to do before it is let
	// go; 0 means 10 s. One stays, so that the next job need not wait.
	IdleTime time.Duration
	// MaxJobs is after how many jobs a worker is replaced; 0 means 1000.
	MaxJobs int
	// Retain is how many bytes over a fresh worker's a worker may hold after
	// a job before it is replaced; 0 means 32 MiB.
	Retain int64
	// Sandbox is what workers are confined by; nil means that of NewSandbox(Auto).
	Sandbox *Sandbox
	// Log gets what happens to workers; nil means none of it is told.
	Log *slog.Logger
}

// DefaultEnv is the environment of a worker: nothing of the server's, only
// what glibc and libvips read before any code of ours runs.
//
// Blocks of 256 KiB and more are mapped, so that a freed frame is the
// system's again at once; the engine raises that for workers that may have spare memory.
// One arena: what one thread has freed all others take, and gaps of several
// arenas do not add up (with two, a heap that is used again grows by a sixth).
// One thread per picture: the pool has the parallelism. With one processor for Go, too,
// its scheduler takes it from the goroutine that is in libvips at once, and sleeps; with
// two it looks every 20 µs whether somebody wants it, for 10 ms of each job.
var DefaultEnv = []string{
	"MALLOC_ARENA_MAX=1",
	"MALLOC_MMAP_THRESHOLD_=262144",
	"MALLOC_TRIM_THRESHOLD_=262144",
	"MALLOC_TOP_PAD_=65536",
	"VIPS_CONCURRENCY=1",
	"VIPS_WARNING=0",
	"GOMAXPROCS=1",
}

// nice is the CPU priority of workers: hits stay fast while encodes burn what is left.
const nice = 10
