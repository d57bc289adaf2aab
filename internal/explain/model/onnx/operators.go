package onnx

// operator makes the node's first output. Others (indices, masks, labels) stay undefined, and their use an error.
type operator func(*call) (value, error)

// find is the operator's meaning, nil where there is none.
func find(domain, op string) operator {
	switch domain {
	case "":
		return standard(op)
	case "ai.onnx.ml":
		return learned(op)
	}
	return nil
}

// standard are the operators of ai.onnx.
func standard(op string) operator {
	switch op {
	case "Gemm":
		return gemm
	case "MatMul":
		return matMul
	case "Add", "Sub", "Mul", "Div", "Sum":
		return arithmetic
	case "Conv":
		return conv
	case "MaxPool", "AveragePool":
		return pool
	case "GlobalAveragePool", "GlobalMaxPool":
		return globalPool
	case "ReduceMean":
		return reduceMean
	case "BatchNormalization":
		return batchNorm
	case "Relu", "LeakyRelu", "Tanh", "Sigmoid":
		return activation
	case "Softmax", "LogSoftmax":
		return softmax
	case "Flatten":
		return flatten
	case "Reshape":
		return reshape
	case "Squeeze":
		return squeeze
	case "Identity", "Dropout":
		return identity
	case "Cast":
		return cast
	case "Constant":
		return constant
	case "Shape":
		return shapeOf
	case "Gather":
		return gather
	case "Unsqueeze":
		return unsqueeze
	case "Concat":
		return concat
	}
	return nil
}

// learned are the operators of ai.onnx.ml.
func learned(op string) operator {
	switch op {
	case "LinearClassifier":
		return linearClassifier
	case "Scaler":
		return scaler
	case "Normalizer":
		return normalizer
	case "ZipMap":
		return zipMap
	}
	return nil
}
