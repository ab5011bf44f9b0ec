package vips

/*
#include "pipeline.h"
*/
import "C"

import (
	"runtime"

	"github.com/pictor-proxy/pictor/transform"
)

// sharedDecode is a source in memory that outputs of a job are made of.
type sharedDecode struct {
	plan   transform.SharedDecode
	images *C.PictorShared
}

// decodeShared decodes the source of a job once for all of its outputs; nil where they do not share it.
func (e *Engine) decodeShared(source *decodable, task transform.Job) (*sharedDecode, error) {
	plan, ok := transform.ShareDecode(task.Info, task.Outputs)
	if !ok {
		return nil, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer C.vips_thread_shutdown()
	s := &sharedDecode{plan: plan}
	err := source.withRepair(func(b []byte) error {
		job, free, err := newJob(b, task, task.Outputs[plan.Output], nil)
		if err != nil {
			return err
		}
		defer free()
		convert := cBool(convertAlike(task.Info, task.Outputs))
		status := C.pictor_decode_shared(&job, convert, C.int(plan.Halvings), &s.images)
		runtime.KeepAlive(b)
		if status != C.PICTOR_OK {
			return errorOf(status)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sharedDecode) release() {
	if s != nil {
		C.pictor_release_shared(s.images)
	}
}

// convertAlike says whether the colour of all outputs is converted in the same way.
func convertAlike(info transform.Info, outputs []transform.Params) bool {
	for _, p := range outputs {
		if keepsProfile(info, p) != keepsProfile(info, outputs[0]) || p.Deep(info) != outputs[0].Deep(info) ||
			keepsHDR(info, p) != keepsHDR(info, outputs[0]) {
			return false
		}
	}
	return true
}

// keepsProfile says whether the result is left in the profile of its source. Linear light that a decoder
// makes is none of the source, and needs more bits than results have.
func keepsProfile(info transform.Info, p transform.Params) bool {
	return p.KeepProfile && p.Format.HasProfile() && !(info.Format == transform.JXL && info.Declared.IsLinear())
}
