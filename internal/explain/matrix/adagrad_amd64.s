#include "textflag.h"

// n is a multiple of the vector's width, and not 0. No VFMADD here, as in the product's kernels.

// func adagradAVX2(w, grad, sum *float32, n int, rate, decay, epsilon float32)
TEXT ·adagradAVX2(SB), NOSPLIT, $0-44
	MOVQ w+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ sum+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS rate+32(FP), Y0
	VBROADCASTSS decay+36(FP), Y1
	VBROADCASTSS epsilon+40(FP), Y2
	SHRQ $3, CX

next8:
	VMOVUPS (DI), Y3
	VMULPS Y1, Y3, Y4
	VADDPS (SI), Y4, Y4 // d
	VMULPS Y4, Y4, Y5
	VADDPS (DX), Y5, Y5
	VMOVUPS Y5, (DX)
	VSQRTPS Y5, Y6
	VADDPS Y2, Y6, Y6
	VMULPS Y0, Y4, Y7
	VDIVPS Y6, Y7, Y7
	VSUBPS Y7, Y3, Y3
	VMOVUPS Y3, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $32, DX
	DECQ CX
	JNZ  next8
	VZEROUPPER
	RET

// func adagradAVX512(w, grad, sum *float32, n int, rate, decay, epsilon float32)
TEXT ·adagradAVX512(SB), NOSPLIT, $0-44
	MOVQ w+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ sum+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS rate+32(FP), Z0
	VBROADCASTSS decay+36(FP), Z1
	VBROADCASTSS epsilon+40(FP), Z2
	SHRQ $4, CX

next16:
	VMOVUPS (DI), Z3
	VMULPS Z1, Z3, Z4
	VADDPS (SI), Z4, Z4 // d
	VMULPS Z4, Z4, Z5
	VADDPS (DX), Z5, Z5
	VMOVUPS Z5, (DX)
	VSQRTPS Z5, Z6
	VADDPS Z2, Z6, Z6
	VMULPS Z0, Z4, Z7
	VDIVPS Z6, Z7, Z7
	VSUBPS Z7, Z3, Z3
	VMOVUPS Z3, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	ADDQ $64, DX
	DECQ CX
	JNZ  next16
	VZEROUPPER
	RET
