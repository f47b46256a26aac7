# %% [markdown]
# The knowledge base of lesson 5: cards with one fact each, in English with the Chinese rendering beside it; questions with the cards that
# answer them; questions that no card answers. All of it was written for this course from five articles
# (2023 and 2024) about large language models: the facts are theirs, the words are ours. Where an article
# errs, the card says what the article says, and the corrections say what is so, with the source.
# `tests/test_knowledge_base.py` checks what must hold between the tables.
#
# Lesson 5 carries these cells: `reuse="cells/knowledge_base:cards"`.

# %% name="sources"
# Where a card comes from: key | what it is | where it was read.
SOURCE_LINES = """
A0 | fourteen questions and answers by Tianyi Think Tank, a research unit of China Telecom, summer of 2024 | 大模型的当前和未来, 慧聪通信网
A1 | an essay on Chinese language models and the rumour about iFlytek, 31 May 2023 | 中国的“GPT”，造谣是真的猛, 非凡油条
A2 | an overview of large models, their history and their makers, after May 2023 | no title or date in our copy
A3 | a talk by Zhao Dongyan of Peking University, published on 13 June 2024 | 赵东岩：大模型的发展，有天花板, 趣唠科技不打烊
A4 | nine questions to six people in charge of Chinese models, October 2023, posted on 2 April 2024 | 九问中国大模型掌门人, AI魔法学院
P1 | Shanghai Securities News on iFlytek, 24 May 2023 | info.caixunnews.cn/2023/0527/44166.html
P2 | Guancha on Baidu's reply to iFlytek, 25 May 2023 | hk.outputnews.com/2023/guancha/news_2023_05_25_694002
invented | made up for this course: no such company, model or person is meant to exist | -
"""

# %% name="cards"
# id | source | mark | English | Chinese
# mark: fact (the source reports it, and nothing was found against it) · claim (somebody's opinion, promise
# or estimate) · forecast (about a time after the source was written) · wrong (the source errs) · disputed
# (the source is surer than anybody could be); these two have a line among the corrections · invented.
CARD_LINES = """
idc-2024 | A0 | forecast | IDC expects 37 million AI phones to be shipped in China in 2024. | IDC 预计，2024 年中国市场的 AI 手机出货量为 3700 万台。
idc-2024-share | A0 | forecast | According to IDC, AI phones will make up 13.2% of the Chinese phone market in 2024. | 按照 IDC 的预测，2024 年 AI 手机将占中国手机市场的 13.2%。
idc-2027 | A0 | forecast | For 2027, IDC predicts that 150 million AI phones will be shipped in China. | IDC 预测，2027 年中国市场的 AI 手机出货量将达到 1.5 亿台。
idc-2027-share | A0 | forecast | IDC believes that AI phones will hold more than half of the Chinese phone market by 2027. | IDC 认为，到 2027 年，AI 手机将占据中国手机市场的一半以上。
gartner-2023 | A0 | fact | In 2023, according to Gartner, only 1% of the generative AI models in companies were made for one industry or business function. | Gartner 的数据显示，2023 年企业所用的生成式 AI 模型中，只有 1% 是针对某个行业或业务功能的。
gartner-2027 | A0 | forecast | By 2027, Gartner predicts, more than 50% of the generative AI models in companies will be made for one industry or business function. | Gartner 预测，到 2027 年，企业所用的生成式 AI 模型中，将有超过 50% 针对某个行业或业务功能。
count-general | A0 | fact | By an incomplete count of Tianyi Think Tank in 2024, China had 87 general-purpose large models. | 据天翼智库 2024 年的不完全统计，中国共有 87 个通用大模型。
count-industry | A0 | fact | Tianyi Think Tank counted 341 large models for single industries in China in 2024. | 据天翼智库 2024 年统计，中国共有 341 个行业大模型。
count-multimodal | A0 | fact | China had at least 28 open-source multimodal models in 2024, by the count of Tianyi Think Tank. | 据天翼智库统计，2024 年中国至少有 28 个开源多模态大模型。
notable-us | A0 | fact | American institutions led the development of 262 of the 387 important machine learning models published worldwide from 2019 to 2023. | 2019 年至 2023 年，全球共发布 387 个重要的机器学习模型，其中 262 个由美国机构主导开发。
notable-china | A0 | fact | Of the 387 important machine learning models published worldwide from 2019 to 2023, China developed 68. | 2019 年至 2023 年，全球发布的 387 个重要机器学习模型中，中国开发了 68 个。
chip-gap | A0 | claim | Tianyi Think Tank says that Chinese chips trail the leading foreign ones by two to three generations in process and performance. | 天翼智库认为，中国芯片的工艺和性能比国际先进水平落后两到三代。
survivors | A0 | forecast | Tianyi Think Tank expects that only three to five Chinese general-purpose large models will survive, perhaps only one or two. | 天翼智库认为，国内的通用大模型最后只会剩下三到五家，甚至只有一两家。
group-buying | A0 | fact | In China's earlier battle of the group-buying sites, only two or three companies survived. | 在中国当年的团购大战中，最后只有两三家公司活了下来。
gpt4-turbo | A0 | fact | OpenAI released GPT-4 Turbo in November 2023. | OpenAI 于 2023 年 11 月发布了 GPT-4 Turbo。
spark-v4 | A0 | fact | iFlytek released Spark V4.0 in June 2024 and says that it surpasses GPT-4 Turbo overall. | 科大讯飞于 2024 年 6 月发布星火大模型 V4.0，并称其整体超越 GPT-4 Turbo。
gpt-4o | A0 | fact | OpenAI presented GPT-4o, built on its natively multimodal model, in May 2024. | 2024 年 5 月，OpenAI 推出了基于原生多模态大模型的 GPT-4o。
astra | A0 | wrong | Article A0 says that Google showed a product called Project Astro, built on its natively multimodal model, in May 2024. | 文章 A0 称，谷歌于 2024 年 5 月展示了基于原生多模态大模型的产品 Project Astro。
lmsys-top10 | A0 | fact | On the LMSYS Chatbot Arena leaderboard of 8 July 2024, all of the ten best models were closed. | 在 2024 年 7 月 8 日的 LMSYS Chatbot Arena 排行榜上，前十名全部是闭源大模型。
lmsys-top20 | A0 | fact | On the LMSYS Chatbot Arena leaderboard of 8 July 2024, six of the twenty best models were open source. | 在 2024 年 7 月 8 日的 LMSYS Chatbot Arena 排行榜上，前二十名中有六个开源大模型。
alpacaeval | A0 | fact | On the AlpacaEval leaderboard of Stanford, consulted on 15 July 2024, two of the ten best models were open source. | 2024 年 7 月 15 日查阅的斯坦福 AlpacaEval 排行榜上，前十名中有两个开源大模型。
bubogpt | A0 | fact | ByteDance has published the open-source multimodal model BuboGPT. | 字节跳动发布了开源多模态大模型 BuboGPT。
mobilevlm | A0 | fact | Meituan has published the open-source multimodal model MobileVLM. | 美团发布了开源多模态大模型 MobileVLM。
shikra | A0 | fact | SenseTime has published the open-source multimodal model Shikra. | 商汤科技发布了开源多模态大模型 Shikra。
instantid | A0 | fact | Xiaohongshu has published the open-source multimodal model InstantID. | 小红书发布了开源多模态大模型 InstantID。
search-top2 | A0 | forecast | In the search market of the future, Tianyi Think Tank expects, Google and Microsoft will remain the first two worldwide. | 天翼智库预计，在未来的全球搜索市场上，前两名仍将是谷歌和微软。
llama-cpp | A0 | fact | With llama.cpp, beginners can run Llama models without a GPU. | 借助 llama.cpp，初学者没有 GPU 也能运行 Llama 系列模型。
flash-llama | A0 | wrong | Article A0 names FlashAttention as an example of what developers built on top of the Llama models. | 文章 A0 把 Flash Attention 算作开发者在 Llama 系列模型基础上扩展出来的成果。
bad-tokenization | A0 | claim | Unsuitable tokenization makes multi-digit numbers harder for a language model, because tokens and numbers no longer correspond exactly. | 分词方法不恰当，会让语言模型更难理解多位数，因为 token 与数字之间缺少准确的对应关系。
rag-enterprise | A0 | forecast | Tianyi Think Tank expects RAG with a knowledge base to become the usual way for companies to adapt large models, ahead of supervised fine-tuning. | 天翼智库认为，企业定制大模型时，RAG 加知识库的方案有望取代有监督微调，成为主流。
moe-trillion | A0 | claim | A mixture of experts, Tianyi Think Tank says, could make models with a trillion parameters cheap. | 天翼智库认为，混合专家架构有望以低成本实现万亿参数大模型。
iflytek-fall | A1 | fact | On 24 May 2023, after one o'clock in the afternoon, shares of iFlytek fell by as much as 9.16%. | 2023 年 5 月 24 日 13 时过后，科大讯飞股价一度下跌 9.16%。
moss-release | A1 | fact | Fudan University released the conversational language model MOSS on 20 February 2023. | 2023 年 2 月 20 日，复旦大学发布了对话式语言模型 MOSS。
moss-team | A1 | fact | The team of Professor Qiu Xipeng at Fudan University developed MOSS. | MOSS 由复旦大学邱锡鹏教授的团队研发。
moss-english | A1 | fact | The base model of MOSS, from Fudan University, had learned from more than 300 billion English words. | 复旦大学 MOSS 的基座模型学习了 3000 多亿个英文单词。
moss-chinese | A1 | fact | The base model of MOSS, from Fudan University, had learned from only about 30 billion Chinese words. | 复旦大学 MOSS 的基座模型只学习了约 300 亿个中文词语。
moss-open | A1 | fact | MOSS became open source on 21 April 2023. | MOSS 于 2023 年 4 月 21 日正式开源。
moss-size | A1 | wrong | Article A1 gives MOSS 20 billion parameters as of 1 April 2023. | 文章 A1 称，截至 2023 年 4 月 1 日，MOSS 拥有 200 亿参数。
ernie-release | A1 | fact | Baidu released its chatbot ERNIE Bot on 16 March 2023. | 百度于 2023 年 3 月 16 日发布了聊天机器人“文心一言”。
ernie-size | A1 | disputed | Article A1 gives the model behind Baidu's ERNIE Bot 260 billion parameters. | 文章 A1 称，百度“文心一言”背后的大模型有 2600 亿参数。
robin-li | A1 | fact | Baidu's chief executive Robin Li admitted at the launch that ERNIE Bot was still imperfect in many ways. | 百度 CEO 李彦宏在发布会上承认，“文心一言”还有许多不完美之处。
hunyuan-size | A1 | fact | The Hunyuan model of Tencent has more than 100 billion parameters. | 腾讯的“混元”大模型参数量超过千亿。
tongyi-size | A1 | wrong | Article A1 says that Alibaba had officially announced ten trillion parameters for Tongyi Qianwen. | 文章 A1 称，阿里巴巴官宣“通义千问”的参数量达到 10 万亿。
switch-size | A1 | fact | Google's Switch Transformer has 1.6 trillion parameters, yet a tenfold increase in size brought less improvement than before. | 谷歌的 Switch Transformer 有 1.6 万亿参数，但参数量提高一个量级后，性能提升已不如以前。
gpt1-size | A1 | fact | GPT-1 had roughly 110 million parameters. | GPT-1 约有 1.1 亿个参数。
gpt3-size | A1 | fact | GPT-3 has 175 billion parameters. | GPT-3 有 1750 亿个参数。
gpt4-size | A1 | disputed | Article A1 puts GPT-4 at a trillion parameters or more. | 文章 A1 称，GPT-4 的参数量达到万亿级别。
altman | A1 | claim | Sam Altman of OpenAI said that language models were close to the limit of size, and that bigger is not always better. | OpenAI 的 Sam Altman 说，语言模型已接近规模的极限，而且规模越大不一定越好。
spark-release | A1 | fact | iFlytek released its Spark model on 6 May 2023. | 科大讯飞于 2023 年 5 月 6 日发布了“星火”认知大模型。
spark-promise | A1 | claim | iFlytek announced that Spark would overtake ChatGPT in every respect by the end of October 2023. | 科大讯飞宣布，“星火”将在 2023 年 10 月底整体赶超 ChatGPT。
mchat | A1 | fact | Langboat Technology brought out its dialogue model MChat on 14 March 2023. | 澜舟科技于 2023 年 3 月 14 日推出孟子对话大模型 MChat。
chatglm-size | A1 | fact | ChatGLM-6B, which Tsinghua University made open source on 14 March 2023, has 6 billion parameters. | 清华大学于 2023 年 3 月 14 日开源的 ChatGLM-6B 有 60 亿参数。
chatglm-card | A1 | fact | Thanks to quantization, ChatGLM-6B can be run at home on a consumer graphics card. | 借助模型量化技术，用户可以在消费级显卡上本地部署 ChatGLM-6B。
sensenova | A1 | fact | SenseTime presented its SenseNova models on 10 April 2023. | 商汤科技于 2023 年 4 月 10 日发布“日日新 SenseNova”大模型体系。
tongyi-release | A1 | fact | Alibaba presented Tongyi Qianwen in Beijing on 11 April 2023. | 阿里巴巴于 2023 年 4 月 11 日在北京发布“通义千问”。
fengwu | A1 | fact | Fengwu, the weather model of Shanghai AI Laboratory, needs only 30 seconds for a global forecast of the next ten days. | 上海人工智能实验室的天气预报大模型“风乌”只需 30 秒就能生成未来十天的全球预报。
drivegpt | A1 | wrong | Article A1 dates the release of Haomo's DriveGPT, a model for automated driving, to 12 April 2023. | 文章 A1 称，毫末智行于 2023 年 4 月 12 日发布了自动驾驶大模型 DriveGPT。
sage | A1 | fact | On 26 April 2023, Fourth Paradigm announced AIGS, its strategy of rebuilding enterprise software with generative AI. | 2023 年 4 月 26 日，第四范式提出 AIGS 战略：用生成式 AI 重构企业软件。
thousand-cards | A1 | claim | Training a model of more than 10 billion parameters takes about 1,000 GPUs for a month, article A1 estimates. | 文章 A1 估计，训练一次 100 亿以上参数的模型，大约需要 1000 张 GPU 用一个月。
card-price | A1 | disputed | At 50,000 yuan a GPU, article A1 puts the computing cost of 1,000 GPUs for a single month at 50 million yuan. | 文章 A1 按每张 GPU 五万元计算，认为 1000 张 GPU 单月的算力成本为 5000 万元。
baidu-users | A1 | wrong | Article A1 credits Baidu's search engine with several billion active users a day. | 文章 A1 称，百度搜索引擎的日活跃用户达数十亿。
chatgpt-years | A1 | wrong | Article A1, published in May 2023, says that ChatGPT had already been running for several years. | 文章 A1 发表于 2023 年 5 月，却说 ChatGPT 已经运行了好几年。
mccarthy | A2 | wrong | Article A2 says that the computer scientist John McCarthy put forward the term artificial intelligence in 1956. | 文章 A2 称，计算机专家约翰·麦卡锡于 1956 年提出了“人工智能”的概念。
lenet-5 | A2 | fact | LeNet-5, the basic structure of modern convolutional neural networks, appeared in 1998. | 1998 年，现代卷积神经网络的基本结构 LeNet-5 诞生。
word2vec | A2 | wrong | Article A2 says that Word2Vec, in 2013, was the first to turn words into vectors. | 文章 A2 称，2013 年的 Word2Vec 首次提出把单词转换为向量。
gan | A2 | fact | Generative adversarial networks (GAN) were introduced in 2014. | 生成对抗网络（GAN）诞生于 2014 年。
transformer | A2 | fact | Google proposed the Transformer architecture, which rests on self-attention, in 2017. | 2017 年，谷歌提出了基于自注意力机制的 Transformer 架构。
gpt1-bert | A2 | fact | In 2018, OpenAI released GPT-1 and Google released BERT. | 2018 年，OpenAI 发布了 GPT-1，谷歌发布了 BERT。
gpt3-year | A2 | fact | OpenAI released GPT-3, the largest language model of its day, in 2020. | 2020 年，OpenAI 推出了当时最大的语言模型 GPT-3。
chatgpt-release | A2 | fact | ChatGPT, which ran on GPT-3.5, appeared in November 2022. | 搭载 GPT-3.5 的 ChatGPT 于 2022 年 11 月问世。
alphago | A2 | wrong | Article A2 calls AlphaGo the best-known application of BERT. | 文章 A2 称，AlphaGo 是 BERT 最有名的落地项目。
rhlf | A2 | wrong | In one place, article A2 abbreviates reinforcement learning from human feedback as RHLF. | 文章 A2 有一处把“基于人类反馈的强化学习”缩写为 RHLF。
palm-2 | A2 | fact | By 10 May 2023, Google had connected more than 25 products and functions to PaLM 2. | 到 2023 年 5 月 10 日，谷歌已有超过 25 个产品和功能接入 PaLM 2。
copilot | A2 | wrong | Article A2 says that Microsoft brought out Copilot for Office in late March 2023. | 文章 A2 称，微软于 2023 年 3 月下旬推出 Copilot Office。
bloom | A2 | wrong | Article A2 describes BLOOM as a rival to ChatGPT that Amazon developed together with Hugging Face. | 文章 A2 称，BLOOM 是亚马逊与 Hugging Face 合作开发的 ChatGPT 竞品。
chatgpt-5 | A2 | wrong | Article A2 expected OpenAI to release ChatGPT-5 in the fourth quarter of 2023. | 文章 A2 预计，OpenAI 将在 2023 年第四季度发布 ChatGPT-5。
wang-huiwen | A2 | fact | Wang Huiwen, co-founder of Meituan, entered the large-model business with 50 million dollars of his own. | 美团联合创始人王慧文自带 5000 万美元进入大模型领域。
baichuan-founders | A2 | wrong | Wang Xiaochuan, once head of Sogou, founded Baichuan together with Ru Liyun, Sogou's former chief operating officer. | 搜狗前 CEO 王小川与搜狗前 COO 茹丽云共同创立了百川智能。
bloomberggpt | A2 | fact | BloombergGPT is a large model for the financial industry. | BloombergGPT 是面向金融领域的行业大模型。
zidong | A2 | fact | The Institute of Automation of the Chinese Academy of Sciences built the multimodal model Zidong Taichu. | 中科院自动化所推出了多模态大模型“紫东太初”。
hunyuan-1t | A2 | fact | Tencent's HunYuan-NLP-1T is a Chinese language model of the trillion-parameter class. | 腾讯的 HunYuan-NLP-1T 是万亿级别的中文 NLP 预训练模型。
pangu | A2 | claim | Huawei's PanGu is called the first Chinese language model of the hundred-billion class for both understanding and generating text. | 华为的盘古大模型被称为业界首个千亿级、兼具生成与理解能力的中文 NLP 大模型。
zhao-post | A3 | fact | Zhao Dongyan is a researcher and Party secretary at the Wangxuan Institute of Computer Technology of Peking University. | 赵东岩是北京大学王选计算机研究所的研究员和书记。
zhao-patents | A3 | fact | Zhao Dongyan holds 23 granted invention patents. | 赵东岩获授权发明专利 23 项。
zhao-training | A3 | claim | Zhao Dongyan says that ChatGPT owes its success to a new way of training rather than to more parameters. | 赵东岩认为，ChatGPT 的成功靠的是训练方式的变革，而不是参数量的增加。
zhao-scaling | A3 | claim | Under the scaling laws, as Zhao Dongyan puts it, quality rises linearly while parameters, data and compute grow exponentially. | 赵东岩这样概括规模定律：参数量、数据和计算量指数级增长，模型效果才线性提高。
rag-limits | A3 | claim | Zhao Dongyan names two limits of RAG: the information is not retrieved, or it is hard to extract from what was retrieved. | 赵东岩指出 RAG 的两个局限：检索不到信息，或者难以从检索结果中提取信息。
csdn-city | A4 | fact | At the 1024 Programmers' Festival of 2023 in Changsha, six people in charge of Chinese large models answered nine questions. | 2023 年，在长沙举行的 1024 程序员节上，六位中国大模型掌门人回答了九个问题。
csdn-host | A4 | fact | Wang Yonggang, founder and chief executive of SeedV, moderated the conversation of the six model makers at the 1024 Programmers' Festival. | SeedV 创始人兼 CEO 王咏刚主持了 1024 程序员节上六位大模型掌门人的对话。
baichuan-open | A4 | fact | Baichuan published its first open-source model in about June 2023, little more than two months after it was founded. | 百川在 2023 年 6 月左右推出第一代开源模型，距公司成立只有两个多月。
baichuan-sizes | A4 | claim | Baichuan's open models with 7 billion and 13 billion parameters are free for commercial use, the company says. | 百川表示，其 7B 和 13B 开源模型都可以免费商用。
baichuan-checkpoints | A4 | wrong | Baichuan's speaker says that about 200 checkpoints from the pre-training of Baichuan 2 were made open source. | 百川的代表称，百川 2 开源时公开了约 200 个预训练 Checkpoint。
llama2-english | A4 | disputed | Baichuan's speaker says that the terms of Llama 2 forbid its use outside English. | 百川的代表称，Llama 2 的条款规定不能在非英文环境下使用。
claude-100k | A4 | fact | In 2023, Claude offered a context window of 100,000 tokens. | 2023 年，Claude 的上下文窗口已达到 100K。
openai-revenue | A4 | claim | OpenAI expected a revenue of about 1.2 billion dollars for 2023, a Baichuan manager said. | 百川的一位负责人说，OpenAI 预计 2023 年营收约为 12 亿美元。
openai-api | A4 | claim | About 600 million dollars of OpenAI's revenue in 2023 were to come from its API. | OpenAI 2023 年的预计营收中，约有 6 亿美元来自 API。
gpt5-gpus | A4 | claim | OpenAI is said to have linked 100,000 GPUs for GPT-5, which would predict the next frame. | 据称，OpenAI 为研发 GPT-5 把十万台 GPU 连在一起，用来预测下一帧。
next-token | A4 | claim | Ilya Sutskever of OpenAI said that whoever can predict the next token is not far from general intelligence. | OpenAI 的 Ilya Sutskever 说，如果能做到预测下一个 token，离通用人工智能就不远了。
working-memory | A4 | claim | Zhang Jiaxing of IDEA calls even a context window of a million tokens working memory, not long-term memory. | IDEA 研究院的张家兴认为，即使上下文窗口达到一百万，也只是工作记忆，不是长期记忆。
rwkv | A4 | fact | RWKV reworks the recurrent neural network so that it can be computed in parallel. | RWKV 对循环神经网络做了改造，使其可以并行计算。
hinton | A4 | disputed | Zhang Peng of Zhipu credits Geoffrey Hinton with backpropagation, which he says was proposed in the 1980s. | 智谱的张鹏把上世纪八十年代提出的反向传播算法归功于 Geoffrey Hinton。
xiaomi-price | A4 | claim | Wang Bin of Xiaomi fears that a customer-service model, asked about a product, might quote an invented price of 9.9 yuan. | 小米的王斌担心，用户在客服系统询价时，大模型会凭空报出 9 块 9 的价格。
xiaomi-levels | A4 | fact | Xiaomi sorts the outputs of its model into classes and levels and monitors them, to limit the harm of hallucination. | 小米对大模型的输出进行分类、分级和监控，以减少幻觉的危害。
retro | A4 | fact | RETRO puts retrieval into the training of the model itself, instead of attaching a knowledge base afterwards. | RETRO 在训练阶段就把检索融入模型，而不是事后外挂知识库。
unaware | A4 | claim | The deeper root of hallucination, says Richard of Baichuan, is that a model does not know what it does not know. | 百川的 Richard 认为，幻觉更本质的原因是不自知：模型不知道自己不知道。
gpt4-admits | A4 | claim | GPT-4, unlike GPT-3.5, may reply to a complex question that it does not understand it. | 与 GPT-3.5 不同，面对复杂的问题，GPT-4 会回答自己不懂。
hunyuan-closed | A4 | claim | Tencent did not publish Hunyuan as open source in 2023, chiefly because of its size. | 腾讯在 2023 年没有开源混元大模型，主要原因是它的规模较大。
catch-up | A4 | forecast | China will have to catch up for the next three to five years, a Baichuan manager said in 2023. | 百川的一位负责人 2023 年说，未来三到五年中国都将处在追赶的位置。
helm | A4 | fact | The benchmark HELM comes from Stanford, while LMSYS Org is based at Berkeley. | HELM 评测来自斯坦福，LMSYS Org 则来自伯克利。
openai-founded | A4 | fact | OpenAI was founded in 2015. | OpenAI 成立于 2015 年。
startups | A4 | claim | Of a hundred start-ups only a few survive, says Li Dahai of ModelBest. | 面壁智能的李大海说，一百家创业公司里能活下来的只有几家。
"""

# %% name="distractors"
# The same fields. No question asks for these cards; they are here to be mistaken for others.
# `invented` companies, models and people do not exist.
DISTRACTOR_LINES = """
telespeech | A0 | fact | China Telecom has published the open-source speech model TeleSpeech-ASR. | 中国电信发布了开源语音模型 TeleSpeech-ASR。
mplug-owl | A0 | fact | Alibaba's DAMO Academy has published the open-source multimodal model mPLUG-Owl. | 阿里达摩院发布了开源多模态大模型 mPLUG-Owl。
cogvlm | A0 | fact | Zhipu AI and Tsinghua University published the open-source multimodal model CogVLM together. | 智谱 AI 与清华大学联合发布了开源多模态大模型 CogVLM。
model-cities | A0 | fact | China's large models come mainly from Beijing, Shanghai and Guangzhou, according to Tianyi Think Tank. | 据天翼智库统计，中国的大模型主要集中在北京、上海和广州三地。
moss-plugins | A1 | fact | The open-source MOSS gained plug-ins: a search engine, a calculator, an equation solver and image generation. | 开源后的 MOSS 增加了搜索引擎、计算器、解方程和文生图插件。
ernie-idiom | A1 | fact | In the ERNIE Bot demonstration, the model explained the idiom about paper becoming dear in Luoyang and wrote an acrostic poem on it. | 在“文心一言”的展示中，模型解释了成语“洛阳纸贵”，还用它写了一首藏头诗。
spark-live | A1 | fact | At the launch of Spark, iFlytek demonstrated the model live and let the audience send in questions. | 在“星火”发布会上，科大讯飞现场演示模型，并收集观众的问题作答。
fengwu-range | A1 | fact | Fengwu was the first weather model to forecast the main atmospheric variables usefully for more than ten days at high resolution. | “风乌”首次在高分辨率上对核心大气变量做出超过十天的有效预报。
cnn-1980 | A2 | fact | A forerunner of the convolutional neural network appeared in 1980. | 1980 年，卷积神经网络的雏形诞生。
gpt-4 | A2 | fact | GPT-4, a large multimodal model, was released in March 2023. | 2023 年 3 月，多模态大模型 GPT-4 发布。
windows-gpt4 | A2 | fact | On 24 May 2023, Microsoft announced that Windows 11 would be connected to GPT-4. | 2023 年 5 月 24 日，微软宣布 Windows 11 接入 GPT-4。
ziya | A2 | fact | The IDEA research institute published the open general-purpose model Jiang Ziya. | IDEA 研究院推出了开源通用大模型“姜子牙”。
tenfold | A2 | claim | The number of parameters of large models has grown at least tenfold every year, says article A2. | 文章 A2 称，大模型的参数规模每年至少提升十倍。
zhao-papers | A3 | fact | Zhao Dongyan has published more than 200 academic papers. | 赵东岩发表学术论文 200 余篇。
zhao-projects | A3 | fact | Zhao Dongyan has taken part in 17 national research projects and led eight of them. | 赵东岩承担过 17 项国家级项目，并主持了其中 8 项。
zhao-prize | A3 | fact | Zhao Dongyan received the China Youth Science and Technology Award in 2007. | 赵东岩于 2007 年获得中国青年科技奖。
fengshenbang | A4 | fact | By October 2023, the Fengshenbang models of IDEA had been open source for two years. | 到 2023 年 10 月，IDEA 研究院的封神榜大模型已经开源两年。
gao-wen | A4 | fact | Gao Wen, a member of the Academy, is working on a computing network that links scattered computing power. | 高文院士正在推进算力网络的工作，把分散的算力资源互联起来。
wang-bin | A4 | fact | Wang Bin of Xiaomi had left academia five years before the conversation of 2023. | 2023 年对话时，小米的王斌已离开学术界五年。
rice-cooker | A4 | claim | Li Dahai of ModelBest imagines a rice cooker that acts as an agent and advises how to steam fish. | 面壁智能的李大海设想，电饭煲将来会成为 Agent，建议主人怎样蒸鱼。
kite-release | invented | invented | Tin Lantern Labs released its chatbot Paper Kite on 18 March 2023. | 锡灯笼实验室于 2023 年 3 月 18 日发布了聊天机器人“纸鸢”。
kite-size | invented | invented | The model behind Paper Kite of Tin Lantern Labs has 48 billion parameters. | 锡灯笼实验室“纸鸢”背后的大模型有 480 亿参数。
kite-words | invented | invented | Paper Kite was trained on 90 billion Chinese words and 40 billion English ones. | “纸鸢”的训练数据包括 900 亿个中文词语和 400 亿个英文单词。
kite-promise | invented | invented | Tin Lantern Labs promised that Paper Kite would be the best model for Chinese by March 2024. | 锡灯笼实验室承诺，“纸鸢”到 2024 年 3 月将成为中文能力最强的模型。
kite-gpus | invented | invented | To train the next Paper Kite, Tin Lantern Labs wants to use 6,000 GPUs for forty days. | 为训练下一代“纸鸢”，锡灯笼实验室打算用 6000 张 GPU 训练四十天。
kite-revenue | invented | invented | Tin Lantern Labs expected a revenue of 90 million dollars for 2023, a third of it from its API. | 锡灯笼实验室预计 2023 年营收为 9000 万美元，其中三分之一来自 API。
marmot-open | invented | invented | Amber Valley Intelligence made its language model Marmot-9B open source on 22 April 2023. | 琥珀谷智能于 2023 年 4 月 22 日开源了语言模型 Marmot-9B。
marmot-laptop | invented | invented | After pruning, Marmot-9B runs on a laptop with 8 GB of memory. | 经过剪枝，Marmot-9B 可以在内存为 8 GB 的笔记本电脑上运行。
marmot-window | invented | invented | Marmot 2 of Amber Valley Intelligence has a context window of 64,000 tokens. | 琥珀谷智能 Marmot 2 的上下文窗口为 64K。
marmot-checkpoints | invented | invented | Amber Valley Intelligence published forty checkpoints from the training of Marmot-9B. | 琥珀谷智能公开了 Marmot-9B 训练过程中的四十个 Checkpoint。
plumline-tablets | invented | invented | Plumline Research expects 61 million AI tablets to be shipped in China in 2025. | 铅垂线咨询预计，2025 年中国市场的 AI 平板电脑出货量为 6100 万台。
plumline-glasses | invented | invented | By 2026, Plumline Research predicts, smart glasses will make up 9.4% of all wearable devices. | 铅垂线咨询预测，到 2026 年，智能眼镜将占可穿戴设备的 9.4%。
plumline-service | invented | invented | Plumline Research counted 112 large models for customer service in 2023. | 铅垂线咨询 2023 年统计到 112 个客服大模型。
plumline-board | invented | invented | On the Plumline leaderboard of 30 June 2024, four of the twelve best models were open source. | 在铅垂线咨询 2024 年 6 月 30 日的排行榜上，前十二名中有四个开源模型。
copper-finch | invented | invented | Shares of Copper Finch Robotics rose by 7.8% on 3 June 2023, after a press release that a language model had written. | 2023 年 6 月 3 日，一篇由语言模型撰写的新闻稿发出后，铜鹀机器人股价上涨 7.8%。
copper-hive | invented | invented | Hive, the mixture of experts of Copper Finch Robotics, has 900 billion parameters in sixteen experts. | 铜鹀机器人的混合专家模型“蜂房”有十六个专家，共 9000 亿参数。
stormbottle | invented | invented | Stormbottle, the weather model of the Greywater Institute, makes a regional forecast for seven days in 45 seconds. | 灰水研究院的天气预报模型“风暴瓶”用 45 秒生成未来七天的区域预报。
heron-team | invented | invented | The team of Professor Ada Thornfield at the Greywater Institute developed the conversational model Heron-Talk. | 对话模型“鹭语”由灰水研究院阿达·索恩菲尔德教授的团队研发。
greywater-patents | invented | invented | The Greywater Institute holds 31 patents on dialogue systems. | 灰水研究院拥有 31 项对话系统专利。
harbour-nine | invented | invented | Harbour Nine Motors presented the driving model HelmsmanGPT on 19 April 2023. | 九号港汽车于 2023 年 4 月 19 日发布了驾驶大模型 HelmsmanGPT。
bluewick | invented | invented | Milo Ashgrove started Bluewick AI with 12 million dollars of his own. | 米洛·阿什格罗夫自带 1200 万美元创办了蓝烛芯智能。
bluewick-founders | invented | invented | Milo Ashgrove founded Bluewick AI together with Ines Calder, a former chief designer of video games. | 米洛·阿什格罗夫与前游戏首席设计师伊内丝·考尔德共同创立了蓝烛芯智能。
bluewick-licence | invented | invented | Bluewick AI allows commercial use of its model only to companies with fewer than 500 employees. | 蓝烛芯智能的模型只允许员工不足 500 人的公司商用。
cloudpost | invented | invented | The customer-service bot of Cloudpost Shop once offered a washing machine for one yuan. | 云邮小店的客服机器人曾经把一台洗衣机报价一元。
quartz-bay | invented | invented | QuartzLedger is a large model of Quartz Bay Software for the accounts of hospitals. | QuartzLedger 是石英湾软件面向医院财务的行业大模型。
northwick | invented | invented | Northwick Search says that its answers cite at least three sources each. | 诺斯威克搜索称，它的每个回答至少引用三个来源。
"""

# %% name="rumour"
# Claim 5.6, a worked case: what article A1 says, and what the press reported. The same fields.
# The article takes for settled who wrote the story. What is known: the shares fell and partly recovered
# the same day; two false stories were going round, and only one came from a language model; iFlytek named
# no program to the press; a screenshot pointed to ERNIE Bot; Baidu's side called it staged.
RUMOUR_LINES = """
rumour-text | A1 | disputed | Article A1 says that Baidu's ERNIE Bot was used to make up the story that iFlytek had collected masses of private user data for AI research. | 文章 A1 称，有人用百度“文心一言”编造了科大讯飞大量采集用户隐私数据用于人工智能研究的谣言。
rumour-company | P1 | fact | People close to iFlytek said in May 2023 that a generative AI had made up the story about user data, and that lawyers were securing evidence. | 2023 年 5 月，接近科大讯飞的人士称，有关用户数据的文章系某生成式 AI 虚构，公司法务部已经取证。
rumour-second | P1 | fact | A second rumour of 24 May 2023 said that the United States might put iFlytek on its Entity List, where the company had been since October 2019. | 2023 年 5 月 24 日的另一则传言称，美国正考虑把科大讯飞列入“实体清单”，而该公司早在 2019 年 10 月就已在清单上。
rumour-close | P1 | fact | At the close of trading on 24 May 2023, iFlytek's shares were down 4.26%. | 2023 年 5 月 24 日收盘时，科大讯飞股价下跌 4.26%。
rumour-reply | P2 | fact | Zhang Quanwen, in charge of marketing ERNIE Bot at Baidu, rejected the accusation on the evening of 24 May 2023 and suspected that the story was staged. | 2023 年 5 月 24 日晚，百度“文心一言”的市场负责人张全文否认了这一指责，并怀疑此事有策划的痕迹。
"""

# %% name="corrections"
# What is so, for every card marked wrong or disputed: card | correction | Chinese | where it was checked
CORRECTION_LINES = """
astra | Google's product is called Project Astra; it was shown at Google I/O on 14 May 2024. | 谷歌的产品名为 Project Astra，于 2024 年 5 月 14 日在 Google I/O 大会上展示。 | centerconsulting.com/ai-library/milestones/2024-project-astra
flash-llama | FlashAttention was published in May 2022, before the first LLaMA (February 2023); it is not built on Llama. | FlashAttention 发表于 2022 年 5 月，早于第一代 LLaMA（2023 年 2 月），并非在 Llama 基础上开发。 | arXiv 2205.14135 and 2302.13971
moss-size | The MOSS models that were published have 16 billion parameters. | 实际公开的 moss-moon 系列模型有 160 亿参数。 | github.com/OpenMOSS/MOSS, README
tongyi-size | Ten trillion parameters were announced in November 2021 for another Alibaba model, M6. | 10 万亿参数是阿里巴巴在 2021 年 11 月为另一个模型 M6 宣布的。 | army-technology.com on M6; arXiv 2110.03888
ernie-size | Baidu gave 260 billion for an earlier model, ERNIE 3.0 Titan (2021); a size of the model behind ERNIE Bot we did not find published. | 2600 亿是百度 2021 年公布的 ERNIE 3.0 Titan 的参数量；“文心一言”所用模型的规模，未见公开。 | arXiv 2112.12731; research.baidu.com, 28 December 2021
gpt4-size | OpenAI has not published the size of GPT-4: its technical report leaves it out on purpose. | OpenAI 从未公布 GPT-4 的规模，其技术报告有意略去了这一点。 | arXiv 2303.08774, section 2
drivegpt | DriveGPT was presented at Haomo's AI Day on 11 April 2023. | DriveGPT 是在 2023 年 4 月 11 日的毫末 AI DAY 上发布的。 | zqtt.cn/info/show-101748.html (Huatai Securities)
card-price | If 50,000 yuan is what a GPU costs to buy, 50 million yuan buys the thousand GPUs, which then serve for years: the share of one month is far smaller. | 如果五万元是一张 GPU 的购买价，那么 5000 万元买下的是可用多年的一千张卡，摊到一个月远没有这么多。 | arithmetic
baidu-users | All of China had 1.067 billion internet users in December 2022, so no Chinese service can have had several billion a day. | 2022 年 12 月全中国的网民为 10.67 亿，任何一家中国服务的日活用户都不可能达到数十亿。 | CNNIC, 51st report, March 2023
chatgpt-years | ChatGPT had been open to the public for six months, since November 2022. | ChatGPT 自 2022 年 11 月开放，当时只运行了半年。 | A0 and A2 themselves
mccarthy | The term stands already in the proposal of 31 August 1955 for the Dartmouth workshop, which took place in 1956. | 1955 年 8 月 31 日的达特茅斯研讨会提案中已有这个术语，研讨会则于 1956 年举行。 | McCarthy, Minsky, Rochester and Shannon, AI Magazine 27(4), 2006
word2vec | Words were turned into vectors before; Bengio and others learned them with a neural language model in 2003. | 此前已有词向量，例如 Bengio 等人在 2003 年就用神经语言模型学习词向量。 | JMLR 3:1137-1155, 2003; the Word2Vec paper itself says so
alphago | AlphaGo (2016) came before BERT (2018); it combined policy and value networks with tree search and used no language model. | AlphaGo（2016 年）早于 BERT（2018 年），它把策略网络、价值网络与树搜索结合起来，没有使用语言模型。 | Nature 529, January 2016; arXiv 1810.04805
rhlf | The abbreviation is RLHF, as the same article writes further down. | 正确的缩写是 RLHF，同一篇文章后文也是这样写的。 | A2 itself
copilot | Microsoft announced it on 16 March 2023 and made it generally available to companies on 1 November 2023. | 微软于 2023 年 3 月 16 日宣布该产品，2023 年 11 月 1 日才向企业全面开放。 | nojitter.com, What is Microsoft 365 Copilot
bloom | BLOOM was made by BigScience, a research collaboration led by Hugging Face, and released in July 2022, before ChatGPT. | BLOOM 由 Hugging Face 牵头的研究合作项目 BigScience 研制，2022 年 7 月发布，早于 ChatGPT。 | bigscience.huggingface.co/blog/bloom
chatgpt-5 | Nothing of that name came out; GPT-5 was released on 7 August 2025. | 并没有发布这个名字的产品；GPT-5 于 2025 年 8 月 7 日发布。 | techtarget.com/whatis/feature/GPT-5-explained
baichuan-founders | Only the Chinese name is misprinted: Sogou's former chief operating officer is 茹立云. | 只是姓名有误：搜狗前 COO 名叫茹立云。 | cn.wa01.com/a/wang-xiao-chuan-huan-shi-bu-gan-xin.html
baichuan-checkpoints | Eleven earlier checkpoints of Baichuan2-7B were published, from 0.22 to 2.42 trillion tokens: about one every 200 billion. | 公开的是 Baichuan2-7B 的 11 个中间 checkpoint，对应 0.22 至 2.42 万亿 token，大约每 2000 亿一个。 | github.com/baichuan-inc/Baichuan2, README
llama2-english | The model card of Llama 2 lists other languages as out of scope; users who read the licence itself found no such ban in it. | Llama 2 的模型卡把其他语言列为超出适用范围的用途，而有用户查阅后指出，许可证本身并未提及。 | huggingface.co/NousResearch/Llama-2-13b-chat-hf, README; TheBloke/llama-2-13B-German-Assistant-v2-GPTQ, discussion 1
hinton | Hinton was an author of the paper that made it popular in 1986; Linnainmaa published the method in 1970, and Werbos described it in his thesis of 1974. | Hinton 是 1986 年使该算法广为人知的论文作者之一；Linnainmaa 在 1970 年就发表了这一方法，Werbos 在 1974 年的博士论文中也作过描述。 | people.idsia.ch/~juergen/who-invented-backpropagation.html
rumour-text | That ERNIE Bot wrote it was inferred from a screenshot; a marketing manager of Baidu disputed it. | “文心一言”写了谣言，只是根据一张网传截图的推断，百度方面并不认可。 | P2
"""

# %% name="questions"
# id | question | gold cards: every one of them is needed | the answer: a regular expression, case ignored
QUESTION_LINES = r"""
q01 | How many handsets with built-in AI are analysts predicting for the Chinese market in 2027? | idc-2027 | (?<![\d.])150 million
q02 | What slice of the mobiles sold in China in 2024 will be AI models, percent please | idc-2024-share | 13\.2
q03 | I read that back in 2023 hardly any of the generative AI that firms used was tailored to their own trade. What was Gartner's figure? | gartner-2023 | (?<![\d.])1 ?(%|percent)
q04 | How many all-round AI models did the Tianyi researchers find in the People's Republic? | count-general | \b87\b
q05 | And how many Chinese models tailored to a single sector, such as banking or mining, did the Tianyi researchers find? | count-industry | \b341\b
q06 | Chinese AI that also understands pictures and sound and is free to download: what is the minimum number reported? | count-multimodal | \b28\b
q07 | From 2019 to 2023, how many of the noteworthy learning systems in the world were Chinese? | notable-china | \b68\b
q08 | How far behind the world's best are the processors that China makes? | chip-gap | (two|2) (to|or) (three|3)|2-3
q09 | Once the shake-out among China's general models is over, how many will be left, in the main scenario? | survivors | (three|3) to (five|5)|3-5
q10 | The OpenAI model that iFlytek boasts of having beaten with its Spark in the summer of 2024: when had it come onto the market? | spark-v4 gpt4-turbo | November( of)? 2023
q11 | In the Chatbot Arena ranking of July 2024, how many of the top score had weights that anyone can download? | lmsys-top20 | \b(six|6)\b
q12 | Stanford keeps a table of chatbots, too. How many freely available ones stood in its first ten in mid-July 2024? | alpacaeval | \b(two|2)\b
q13 | What did ByteDance, the owner of TikTok, give away to people who work on models for images and sound? | bubogpt | BuboGPT
q14 | Which free vision-language model can developers get from the food delivery company Meituan? | mobilevlm | MobileVLM
q15 | Which pair of firms is supposed to stay ahead of everybody else in web search? | search-top2 | Google and Microsoft|Microsoft and Google
q16 | My laptop has no graphics card. What should I install to try Meta's Llama anyway? | llama-cpp | llama\.?cpp
q17 | Which step, if done badly, makes arithmetic with long numbers go wrong in a chatbot? | bad-tokenization | tokeni[sz]ation
q18 | Instead of fine-tuning, what will most firms do to teach a large model their own material? | rag-enterprise | \bRAG\b|retrieval|knowledge base
q19 | How deep was the dip of iFlytek on the stock exchange in May 2023, at its worst? | iflytek-fall | 9\.16
q20 | Who heads the group of academics behind the Shanghai chatbot MOSS? | moss-team | Qiu Xipeng|Xipeng Qiu
q21 | From what day could anyone download the code and weights of the Fudan chatbot MOSS? | moss-open | 21 April|April 21
q22 | How much Mandarin text had the chatbot from Fudan read? | moss-chinese | (?<![\d.])30 billion
q23 | On what day did the company led by Robin Li put its answer to ChatGPT before the public? | robin-li ernie-release | 16 March|March 16
q24 | How large is the neural network that answers when I chat with ERNIE? | ernie-size | (?<![\d.])260 billion
q25 | Google once blew up a Transformer by an order of magnitude and was underwhelmed by the gain. How many weights did it end up with? | switch-size | 1\.6 trillion
q26 | How tiny, counted in weights, was the first GPT of all? | gpt1-size | (?<![\d.])110 million
q27 | By when did the makers of Spark want to be ahead of their American model in everything? | spark-promise | October
q28 | Which firm got a dialogue system out two days before Baidu's chatbot? | mchat ernie-release | Langboat
q29 | How big is the model that Tsinghua gave to the community in the middle of March 2023? | chatglm-size | (?<![\d.])6 billion
q30 | what trick makes the 6B model from tsinghua fit on my gaming pc | chatglm-card | quanti[sz]ation
q31 | When did SenseTime, known for face recognition, unveil its own family of generative systems? | sensenova | 10 April|April 10
q32 | Where did Alibaba hold the premiere of its assistant? | tongyi-release | Beijing
q33 | How quickly can the machine from Shanghai tell whether it will rain anywhere on Earth during the coming week and a half? | fengwu | (?<![\d.])30 seconds|half a minute
q34 | Which four letters stand for the plan to have AI rewrite the programs that companies run on? | sage | AIGS
q35 | How many graphics processors would a lab have to keep busy for four weeks to train a 10B network? | thousand-cards | 1,?000|a thousand
q36 | Which well-known boss warned that making language models ever larger won't help much longer? | altman | Altman
q37 | In what year was the name AI coined, and thereby the whole field? | mccarthy | \b1956\b
q38 | What year gave us the blueprint for today's convolutional image recognition? | lenet-5 | \b1998\b
q39 | When did two networks first get trained against each other, a forger and a detective, as adversaries? | gan | \b2014\b
q40 | Whose engineers came up with the attention-based design that nearly every chatbot is built on? | transformer | Google
q41 | How many of its services had the owner of Android switched over to PaLM by spring 2023? | palm-2 | (?<![\d.])25\b
q42 | How much money did one of Meituan's founders put on the table for his AI venture? | wang-huiwen | (?<![\d.])50 million
q43 | Which language model is specialised in banking and the stock market? | bloomberggpt | BloombergGPT
q44 | What is the image, sound and text model from the Academy of Sciences in China called? | zidong | Zidong Taichu
q45 | How many protected inventions does the Party secretary of Peking University's computing institute have to his name? | zhao-post zhao-patents | \b23\b
q46 | Retrieval for a chatbot can fail in two ways. One is that nothing useful turns up; what is hard in the other? | rag-limits | extract
q47 | If not its sheer size, what made ChatGPT such a hit, according to Professor Zhao from Beijing? | zhao-training | training
q48 | In which city did half a dozen bosses of Chinese model labs sit on one stage in 2023? | csdn-city | Changsha
q49 | Which entrepreneur asked the questions when the model bosses met in Changsha? | csdn-city csdn-host | Wang Yonggang|Yonggang Wang
q50 | How old was the company of Wang Xiaochuan when it gave away its first model? | baichuan-founders baichuan-open | two months|2 months
q51 | how many tokens of text can claude hold at once (as of 2023) | claude-100k | 100,?000|100 ?K
q52 | How much was OpenAI counting on from programmers who call its models from their own software? | openai-api | (?<![\d.])600 million
q53 | How many processors are rumoured to be chained together for the successor of GPT-4? | gpt5-gpus | 100,?000
q54 | What part of the human mind is a very long context compared with? | working-memory | working memory
q55 | What brought recurrent networks up to date, by removing the bottleneck that they must go one step after another? | rwkv | RWKV
q56 | What absurdly cheap offer might a shop's service bot blurt out, in the nightmare of the phone maker Xiaomi? | xiaomi-price | 9\.9
q57 | How is looking things up made part of a network's schooling rather than bolted on later? Name the method. | retro | \bRETRO\b
q58 | Why do chatbots hallucinate, at bottom, if you ask a man from Wang Xiaochuan's company? | baichuan-founders unaware | not know
q59 | Which GPT became more willing to admit that a question is over its head? | gpt4-admits | \bGPT-4\b(?! Turbo)
q60 | Why has Tencent kept the weights of its big model to itself? | hunyuan-closed | \bsize\b|too (big|large)
q61 | How long will Chinese laboratories be running after the Americans? | catch-up | (three|3) to (five|5)|3-5
q62 | Which university set up the exam for language models called HELM? | helm | Stanford
q63 | In what year was the company of Sam Altman set up? | altman openai-founded | \b2015\b
q64 | Which is the larger network, Baidu's ERNIE or the third GPT, and how large is it? | ernie-size gpt3-size | (?<![\d.])260 billion
q65 | SenseTime and Alibaba showed their models in the same week of April 2023. Which event came first, and on what day? | sensenova tongyi-release | 10 April|April 10
q66 | In which language had the chatbot MOSS read ten times as much as in the other one? | moss-english moss-chinese | English
q67 | Did America or China produce more of the noteworthy machine learning systems of 2019 to 2023, and how many did the winner have? | notable-us notable-china | \b262\b
q68 | What do we read about the most celebrated use of the language model that Google published in 2018? | gpt1-bert alphago | AlphaGo
q69 | How enormous is Alibaba's Tongyi said to be, in weights? | tongyi-size | (?<![\d.])(ten|10) trillion
q70 | How much had the slandered iFlytek lost when the stock exchange shut? | rumour-close | 4\.26
q71 | Who spoke up for ERNIE Bot when it was blamed for the slump of a competitor's stock? | rumour-reply | Zhang Quanwen|Quanwen Zhang
q72 | The company that was slandered by an invented story about spying on its users has a model of its own. When did that one first come out? | rumour-text spark-release | 6 May|May 6
q73 | What is done at Xiaomi with everything the model says, so that a made-up answer does no damage? | xiaomi-levels | class|level|monitor
q74 | To whom is the idea ascribed that guessing the following word well enough comes close to general intelligence? | next-token | Sutskever|Ilya
q75 | What part of all the mobiles in China will be AI models in 2027? | idc-2027-share | more than (a )?half|over (a )?half|50 ?%
"""

# %% name="questions_zh"
# The same questions, asked in Chinese.
QUESTION_ZH_LINES = """
q01 | 分析师预测，2027 年中国市场上会卖出多少部内置 AI 的手机？
q04 | 天翼的研究人员在国内找到了多少个什么都能做的大模型？
q05 | 天翼的研究人员统计到，专门为银行、采矿这类单一领域打造的模型有多少个？
q08 | 中国造的处理器比世界最好的落后多少？
q09 | 国内的通用模型经过洗牌之后，按主要的判断还能剩下几家？
q13 | 抖音的母公司字节跳动，为研究图像和声音的人免费提供了哪个模型？
q16 | 我的笔记本没有独立显卡，想试试 Meta 的 Llama，该装什么？
q19 | 2023 年 5 月，讯飞的股票在最糟的时候跌了百分之几？
q20 | 上海的聊天机器人 MOSS 是由哪位学者带队做出来的？
q22 | 复旦的聊天机器人读过多少中文？
q23 | 李彦宏的公司是哪一天向公众推出 ChatGPT 的对手的？
q24 | 跟“文心一言”聊天时，背后的神经网络有多大？
q26 | 最早的那一代 GPT 有多少个权重？
q30 | 清华那个 6B 的模型，靠什么技术能在我打游戏的电脑上跑起来？
q33 | 上海那套系统要多久才能算出未来一周半全世界会不会下雨？
q37 | AI 这个名字，也就是整个学科的名字，是哪一年提出来的？
q39 | 让两个网络像造假者和侦探那样互相对抗，这个办法是哪一年出现的？
q42 | 美团的一位创始人为自己的 AI 创业拿出了多少钱？
q48 | 2023 年，几位中国大模型公司的负责人在哪座城市同台对话？
q56 | 手机厂商小米最怕客服机器人脱口报出怎样离谱的低价？
q59 | 问题太难时，哪一代 GPT 更愿意承认自己答不上来？
q63 | Sam Altman 的公司是哪一年成立的？
q66 | 聊天机器人 MOSS 读过的哪种语言是另一种的十倍？
q70 | 被造谣的科大讯飞，当天交易结束时跌了多少？
"""

# %% name="unanswerable"
# Questions that no card answers: id | question | how it misses: price, other year, day, attribute, thing or
# person, or elsewhere (a subject no card is about) | the card it comes nearest to | a regular expression
# that no card may match
UNANSWERABLE_LINES = r"""
u01 | What does the Paper Kite plan cost per month? | price | kite-release | kite.*(yuan|dollars) (a|per) month|kite.*(cost|price)
u02 | How much would I pay for a year of Baidu's chatbot? | price | ernie-release | ERNIE.*(yuan|dollar|subscri)
u03 | what do 1000 tokens with openais turbo model cost | price | gpt4-turbo | (price|dollars?|cents?).*tokens
u04 | We have 800 people on the payroll. What would Bluewick charge us for using its network in our products? | price | bluewick-licence | licen[cs]e.*(yuan|dollars)
u05 | What is the monthly fee for the voice assistant of the phone maker Xiaomi? | price | xiaomi-price | Xiaomi.*(charges|subscri|fee)
u06 | How many handsets with AI inside do the analysts see in the Chinese market in 2025? | other year | idc-2024 | IDC.*2025|2025.*IDC
u07 | And in 2030, what portion of the generative AI in firms will be tailored to one trade, if Gartner is right? | other year | gartner-2027 | 2030
u08 | How many all-round Chinese models had the Tianyi people found two years earlier, in 2022? | other year | count-general | Tianyi.*2022|2022.*Tianyi
u09 | In January 2025, how many of the top ten in the Arena were free to download? | other year | lmsys-top10 | January 2025
u10 | Did iFlytek's stock recover the next day, and by how many percent? | other day | rumour-close | 25 May
u11 | How much money did Sam Altman's company take in during 2021? | other year | openai-revenue | 2021
u12 | How much electricity went into the making of GPT-3? | other attribute | gpt3-size | kilowatt|kWh|energy|electricity
u13 | How many layers does the 6B model from Tsinghua have? | other attribute | chatglm-size | \blayers\b
u14 | Who started the firm that brought out the dialogue system MChat? | other attribute | mchat | found(ed|er).*Langboat|Langboat.*found(ed|er)
u15 | I need the size, in weights, of what SenseTime unveiled in April 2023. | other attribute | sensenova | SenseNova.*parameters
u16 | How long a text can I paste into Alibaba's assistant? | other attribute | tongyi-release | Tongyi.*(window|context)
u17 | Where did the Party secretary from Peking University take his doctorate? | other attribute | zhao-post | Zhao.*(doctor|PhD|studied|graduat)
u18 | How many people were on Wang Xiaochuan's staff in the company's first summer? | other attribute | baichuan-open | Baichuan.*(employees|staff|people)
u19 | How long did it take to train the weather machine from Shanghai? | other attribute | fengwu | Fengwu.*train|train.*Fengwu
u20 | On which supercomputer did Huawei train its big Chinese model? | other attribute | pangu | supercomputer
u21 | After whom was the blueprint of today's convolutional networks named? | other attribute | lenet-5 | stands for|named after
u22 | How many notebooks and desktops with AI inside will people in China buy in 2027? | other thing | idc-2027 | \bPCs?\b|notebook|desktop
u23 | From what day could anyone download Xiaomi's MiLM? | other thing | moss-open | MiLM
u24 | How many weights does Claude have? | other attribute | claude-100k | Claude.*parameters
u25 | Was anybody sent to prison for the false story about iFlytek? | other attribute | rumour-company | sentence|court|prison|convict
u26 | By how many points did Spark beat ChatGPT in mathematics? | other attribute | spark-promise | Spark.*(mathematics|points)
u27 | How many protected inventions does Professor Qiu from Fudan have to his name? | other person | moss-team | Qiu.*patent
u28 | Whose processors does the weather model Stormbottle run on? | other attribute | stormbottle | (chip|processor).*Stormbottle|Stormbottle.*(chip|processor)
u29 | In which year did a chess computer first beat a reigning world champion in a match? | elsewhere | - | chess
u30 | How many litres of water does a data centre drink in a day? | elsewhere | - | lit(re|er)s
u31 | Which airline had to pay because its chatbot had invented a refund rule? | elsewhere | - | airline
u32 | How many languages can Whisper transcribe? | elsewhere | - | Whisper
u33 | What is the highest fine under the European AI Act? | elsewhere | - | European|\bfined\b
u34 | Who played the scientist in the film about the robot boy? | elsewhere | - | robot boy|\bactor
u35 | How many hours of music must a generator hear before it can compose a song? | elsewhere | - | music|song
u36 | What is the hourly wage of the people who label photographs for training? | elsewhere | - | wage|label
u37 | Which programming language do most beginners in data science learn first? | elsewhere | - | programming language
u38 | What does a dishwasher robot from Copper Finch cost? | price | copper-finch | dishwasher
"""

# %% name="read_tables"
from typing import NamedTuple


class Card(NamedTuple):
    """One fact. `mark`: fact, claim, forecast, wrong, disputed or invented."""

    id: str
    source: str  # a key of SOURCES
    mark: str
    en: str
    zh: str


class Correction(NamedTuple):
    """What is so, where a card is marked wrong or disputed."""

    en: str
    zh: str
    checked: str  # where


class Question(NamedTuple):
    id: str
    text: str
    gold: tuple[str, ...]  # the cards that are needed, all of them
    answer: str  # a regular expression


class Unanswerable(NamedTuple):
    id: str
    text: str
    kind: str  # how it misses: price, other year, elsewhere, ...
    near: str  # the card that it comes nearest to, or "-"
    never: str  # a regular expression that no card matches


def fields(lines: str) -> list[list[str]]:
    """A table's lines, each split into its fields."""
    return [line.split(" | ") for line in lines.strip().splitlines()]


CARDS = [Card(*row) for row in fields(CARD_LINES) + fields(DISTRACTOR_LINES) + fields(RUMOUR_LINES)]
SOURCES = {key: (what, where) for key, what, where in fields(SOURCE_LINES)}
CORRECTIONS = {row[0]: Correction(*row[1:]) for row in fields(CORRECTION_LINES)}
QUESTIONS = [Question(row[0], row[1], tuple(row[2].split()), row[3]) for row in fields(QUESTION_LINES)]
QUESTIONS_ZH = dict(fields(QUESTION_ZH_LINES))
UNANSWERABLE = [Unanswerable(*row) for row in fields(UNANSWERABLE_LINES)]
