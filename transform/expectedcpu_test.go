package transform

import "testing"

// The expected time of a job is below what it may take, and grows with its pixels and with the effort of its format.
func TestExpectedCPU(t *testing.T) {
	job := func(width, height int, f Format, to int) Job {
		return Job{Info: Info{Format: JPEG, Width: width, Height: height, Frames: 1},
			Outputs: []Params{{Format: f, Width: to, Height: to}}}
	}
	var last Job
	for i, j := range []Job{
		job(100, 100, JPEG, 50), job(3000, 2000, JPEG, 300), job(3000, 2000, WebP, 1200), job(3000, 2000, AVIF, 1200),
		job(6000, 4000, AVIF, 2400),
	} {
		if e := ExpectedCPU(j); e <= 0 || 5*e > CPUTime(j) || i > 0 && e <= ExpectedCPU(last) {
			t.Errorf("job %d: %v, the one before %v, at most %v", i, e, ExpectedCPU(last), CPUTime(j))
		}
		last = j
	}
}
