// Answers of a GPU that is not there, to a provider that only wants to start: memory is the host's, kernels do nothing.
// Each function stands after a line `// SYM name`; every other function of CUDA returns 0.
// SYM cudaGetDeviceCount 
int cudaGetDeviceCount(int*n){*n=1;return 0;}
// SYM cudaGetDevice 
int cudaGetDevice(int*n){*n=0;return 0;}
// SYM cudaGetDeviceProperties 
int cudaGetDeviceProperties(char*p,int d){memset(p,0,1024);strcpy(p,"stub");int*q=(int*)(p+256);
 *(size_t*)(p+288)=80ul<<30; /* totalGlobalMem */ *(size_t*)(p+296)=49152; *(int*)(p+304)=65536; *(int*)(p+308)=32; *(size_t*)(p+312)=2147483647; *(int*)(p+320)=1024;
 *(int*)(p+324)=1024;*(int*)(p+328)=1024;*(int*)(p+332)=64;*(int*)(p+336)=2147483647;*(int*)(p+340)=65535;*(int*)(p+344)=65535; *(size_t*)(p+352)=65536; *(int*)(p+360)=9;*(int*)(p+364)=0; 
 *(int*)(p+384)=132; *(int*)(p+388)=132; return 0;}
// SYM cudaDeviceGetAttribute 
int cudaDeviceGetAttribute(int*v,int a,int d){*v= a==75?9: a==76?0: a==16?132: a==10?32: a==1?1024: 65536;return 0;}
// SYM cudaDriverGetVersion 
int cudaDriverGetVersion(int*v){*v=13000;return 0;}
// SYM cudaRuntimeGetVersion 
int cudaRuntimeGetVersion(int*v){*v=13000;return 0;}
// SYM cudaMalloc 
int cudaMalloc(void**p,size_t n){*p=aligned_alloc(256,(n+255)/256*256);if(getenv("STUB_MEMORY")&&n>atol(getenv("STUB_MEMORY"))){*p=0;return 2;}return 0;}
// SYM cudaMallocHost 
int cudaMallocHost(void**p,size_t n){*p=aligned_alloc(256,(n+255)/256*256);return 0;}
// SYM cudaHostAlloc 
int cudaHostAlloc(void**p,size_t n,int f){*p=aligned_alloc(256,(n+255)/256*256);return 0;}
// SYM cudaFree 
int cudaFree(void*p){free(p);return 0;}
// SYM cudaFreeHost 
int cudaFreeHost(void*p){free(p);return 0;}
// SYM cudaMemGetInfo 
int cudaMemGetInfo(size_t*f,size_t*t){*f=70ul<<30;*t=80ul<<30;return 0;}
// SYM cudaMemcpy 
int cudaMemcpy(void*d,const void*s,size_t n,int k){memcpy(d,s,n);return 0;}
// SYM cudaMemcpyAsync 
int cudaMemcpyAsync(void*d,const void*s,size_t n,int k,void*st){ if(getenv("STUB_LOG")) fprintf(stderr,"STUB cudaMemcpyAsync %zu kind %d\n",n,k);memcpy(d,s,n);return 0;}
// SYM cudaMemset 
int cudaMemset(void*d,int v,size_t n){memset(d,v,n);return 0;}
// SYM cudaMemsetAsync 
int cudaMemsetAsync(void*d,int v,size_t n,void*s){memset(d,v,n);return 0;}
// SYM cudaStreamCreate 
int cudaStreamCreate(void**s){*s=malloc(8);return 0;}
// SYM cudaStreamCreateWithFlags 
int cudaStreamCreateWithFlags(void**s,int f){*s=malloc(8);return 0;}
// SYM cudaEventCreate 
int cudaEventCreate(void**s){*s=malloc(8);return 0;}
// SYM cudaEventCreateWithFlags 
int cudaEventCreateWithFlags(void**s,int f){*s=malloc(8);return 0;}
// SYM cudaStreamIsCapturing 
int cudaStreamIsCapturing(void*s,int*c){*c=0;return 0;}
// SYM cudaStreamEndCapture 
int cudaStreamEndCapture(void*s,void**g){*g=malloc(8);fprintf(stderr,"STUB capture ends\n");return 0;}
// SYM cudaGraphInstantiate 
int cudaGraphInstantiate(void**e,void*g){*e=malloc(8);return 0;}
// SYM cudaGraphLaunch 
int cudaGraphLaunch(void*e,void*s){fprintf(stderr,"STUB graph launched %p\n",e);return 0;}
// SYM cudaGetErrorString 
char*cudaGetErrorString(int e){return e==2?"out of memory":"stub";}
// SYM cudaGetErrorName 
char*cudaGetErrorName(int e){return e==2?"cudaErrorMemoryAllocation":"stub";}
// SYM cublasGetStatusName 
char*cublasGetStatusName(int e){return "stub";}
// SYM cublasGetStatusString 
char*cublasGetStatusString(int e){return "stub";}
// SYM cublasCreate_v2 
int cublasCreate_v2(void**h){*h=malloc(8);return 0;}
// SYM cublasGetMathMode 
int cublasGetMathMode(void*h,int*m){*m=0;return 0;}
// SYM cublasLtCreate 
int cublasLtCreate(void**h){*h=malloc(8);return 0;}
// SYM cudaPointerGetAttributes 
int cudaPointerGetAttributes(int*a,void*p){memset(a,0,48);a[0]=2;return 0;}
// SYM __cudaRegisterFatBinary 
void**__cudaRegisterFatBinary(void*f){static void*x[64];return x;}
// SYM cudaFuncGetAttributes 
int cudaFuncGetAttributes(char*a,void*f){memset(a,0,64);return 0;}
// SYM cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags 
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int*n,void*f,int b,size_t s,int fl){*n=2;return 0;}
// SYM cudaGetDriverEntryPointByVersion 
int cudaGetDriverEntryPointByVersion(void*s,void**f,int v,long fl,int*q){*f=0;if(q)*q=1;return 0;}
// SYM X 
