# %% [markdown]
# Sentences in English and Chinese.

# %% name="sentence_pairs"
# Two hundred sentences with one content each, English | Chinese, written for this course.
SENTENCE_PAIRS = """
The train to the airport leaves every twenty minutes from platform four. | 去机场的列车每二十分钟一班，从四号站台发车。
If you miss the last bus, you can still take a taxi home. | 如果错过了末班公交车，你还可以打车回家。
She forgot her umbrella on the train and had to walk home in the rain. | 她把雨伞忘在了列车上，只好冒着雨走回家。
Our flight was delayed for three hours because of heavy fog. | 由于大雾，我们的航班延误了三个小时。
Please show your passport and your ticket before you get on the train. | 上车之前，请出示您的护照和车票。
The hotel is near the old city wall, about ten minutes on foot from the station. | 酒店在老城墙附近，从车站步行大约十分钟。
We rented two bicycles and rode along the river until the sun went down. | 我们租了两辆自行车，沿着河一直骑到太阳落山。
The map shows two ways to the village, and the longer one is more beautiful. | 地图上有两条路通往村子，远的那条风景更美。
In this city most people take the subway to work, because the streets are always jammed. | 这座城市的大多数人坐地铁上班，因为街上总是很堵。
He asked the driver how long it would take to reach the hospital. | 他问司机到医院需要多长时间。
The bridge was built a hundred years ago and is still in use today. | 这座桥建于一百年前，今天仍在使用。
You should buy the ticket online, because it costs less than at the station. | 你应该在网上买票，因为比在车站买便宜。
First wash the rice, then add water and let it cook for twenty minutes. | 先把米洗干净，再加水，煮二十分钟。
My grandmother makes the best dumplings, and she never uses a recipe. | 我奶奶包的饺子最好吃，她从来不看菜谱。
The soup is too salty, so add a little hot water and taste it again. | 汤太咸了，加一点热水再尝一尝。
Cut the vegetables into small pieces and fry them quickly in hot oil. | 把蔬菜切成小块，放进热油里快炒。
This restaurant is famous for its fish, but we liked the noodles even more. | 这家餐厅以鱼出名，但我们更喜欢它的面条。
Children should eat more fruit and vegetables and have fewer sweet drinks. | 孩子们应该多吃水果和蔬菜，少喝甜饮料。
Tea tastes bitter if the water is too hot or if you wait too long. | 如果水太烫或者泡得太久，茶的味道就会发苦。
He cooked dinner for eight people in a kitchen that was hardly bigger than a table. | 他在一间不比桌子大多少的厨房里给八个人做了晚饭。
The market opens at six in the morning, and the best fruit is gone by eight. | 市场早上六点开门，到八点最好的水果就卖完了。
Keep the milk in the refrigerator and drink it within three days. | 牛奶要放在冰箱里，并在三天之内喝完。
I would like a cup of coffee without sugar and a piece of cake, please. | 请给我一杯不加糖的咖啡和一块蛋糕。
They planted tomatoes in spring and had more than they could eat in summer. | 他们春天种了西红柿，夏天多得吃不完。
The doctor told him to rest for a week and to drink a lot of water. | 医生让他休息一个星期，并且多喝水。
Take this medicine three times a day after meals. | 这种药每天吃三次，饭后服用。
Many people cannot sleep well because they look at their phones late at night. | 许多人睡不好觉，因为他们深夜还在看手机。
A short walk every day is good for the heart and for the mind. | 每天散散步，对心脏和精神都有好处。
If the fever does not go down by tomorrow, you should see a doctor. | 如果到明天还不退烧，你就应该去看医生。
The nurse measured her blood pressure and wrote the result on a card. | 护士给她量了血压，并把结果写在一张卡片上。
The vaccine protects most people, but it does not protect everyone. | 疫苗能保护大多数人，但不能保护所有人。
Researchers followed two thousand patients for ten years and found no difference. | 研究人员对两千名病人跟踪了十年，没有发现差别。
Washing your hands is the simplest way to keep a disease from spreading. | 洗手是防止疾病传播的最简单的办法。
The hospital is looking for volunteers to test a new medicine. | 这家医院正在招募志愿者试验一种新药。
His eyes hurt because he had been working at the computer all day. | 他眼睛疼，因为他整天都在电脑前工作。
Too much salt can raise the blood pressure, even in young people. | 吃盐过多会使血压升高，年轻人也不例外。
The teacher explained the problem twice, but half of the class still did not understand it. | 老师把这个问题讲了两遍，但班里仍有一半学生没有听懂。
Students learn more when they try to answer before they see the solution. | 学生如果先尝试回答再看答案，就会学到更多。
The library is open until ten in the evening, except on Sundays. | 图书馆开放到晚上十点，星期日除外。
She reads a chapter every night and writes down the words she does not know. | 她每天晚上读一章，并把不认识的词记下来。
The exam has forty questions, and you have two hours to answer them. | 考试一共四十道题，你有两个小时的答题时间。
To learn a language you must make many mistakes and not be afraid of them. | 学习一门语言，你必须犯很多错误，而且不要害怕犯错。
He studied mathematics at university and now teaches it at a small school. | 他在大学学的是数学，现在在一所小学校教数学。
A good question is often worth more than a quick answer. | 一个好问题往往比一个快答案更有价值。
The children built a small bridge out of paper and measured how much it could carry. | 孩子们用纸搭了一座小桥，并测量它能承受多少重量。
Please hand in your homework before Friday and write your name on the first page. | 请在星期五之前交作业，并在第一页写上你的名字。
The course is free, and everything you need is on one web page. | 这门课程是免费的，你需要的一切都在一个网页上。
Nobody learns to swim by reading a book about water. | 没有人靠读一本关于水的书学会游泳。
The meeting starts at nine, and everyone should bring their own data. | 会议九点开始，每个人都要带上自己的数据。
Our company was founded in a garage and now has offices in six countries. | 我们公司创立于一间车库，现在在六个国家设有办公室。
The price of oil rose sharply after the news and fell again two days later. | 消息传出后油价急剧上涨，两天后又回落了。
If the goods arrive damaged, you may send them back within fourteen days. | 如果货物到达时已经损坏，您可以在十四天之内退货。
She lost her job in winter and opened a small shop in spring. | 她冬天丢了工作，春天开了一家小店。
The bank raised the interest rate for the third time this year. | 这家银行今年第三次提高了利率。
We cannot sign the contract until the lawyers have read every page of it. | 在律师读完合同的每一页之前，我们不能签字。
The factory produces four thousand bicycles a month with two hundred workers. | 这家工厂有两百名工人，每月生产四千辆自行车。
A customer called to complain that the machine made a strange noise. | 一位顾客打电话来抱怨说，机器发出奇怪的声音。
He answers all his letters on the same day, however short the answer is. | 他总是当天回复所有来信，不管回信多么短。
The government plans to spend more money on schools and less on roads. | 政府计划在学校上多花钱，在道路上少花钱。
Prices in the capital are twice as high as in the countryside. | 首都的物价是乡下的两倍。
Light from the sun needs about eight minutes to reach the earth. | 太阳发出的光大约需要八分钟才能到达地球。
Water boils at a lower temperature on a high mountain than at the sea. | 水在高山上的沸点比在海边低。
The moon has no air, so there is no wind and no sound. | 月球上没有空气，所以既没有风，也没有声音。
Plants take carbon dioxide from the air and give back oxygen. | 植物从空气中吸收二氧化碳，并放出氧气。
Scientists measured the temperature of the sea at a depth of four thousand metres. | 科学家测量了四千米深处的海水温度。
A theory that explains everything and forbids nothing says nothing. | 一个什么都能解释、什么都不禁止的理论，等于什么也没说。
The experiment was repeated five times, and the result was the same every time. | 这个实验重复了五次，每次的结果都一样。
Iron is heavier than wood, but a ship made of iron can float on water. | 铁比木头重，但铁做的船可以浮在水上。
The telescope shows stars that are too faint to be seen with the eye. | 望远镜能显示肉眼看不到的暗弱恒星。
Electricity flows through copper more easily than through iron. | 电流通过铜比通过铁更容易。
The older the rock is, the deeper it usually lies under the ground. | 岩石越古老，通常在地下埋得越深。
An earthquake shook the island last night, but no one was hurt. | 昨天夜里一场地震震动了这座岛，但没有人受伤。
The program stops with an error if the file does not exist. | 如果文件不存在，程序就会报错并停止。
Save your work often, because the computer may stop at any time. | 要经常保存你的工作，因为电脑随时可能停机。
The password must have at least twelve characters and should not be a word. | 密码至少要有十二个字符，而且不应该是一个单词。
The function takes a list of numbers and returns their sum. | 这个函数接收一个数字列表，并返回它们的和。
We found the mistake in the third line: the loop never ends. | 我们在第三行找到了错误：这个循环永远不会结束。
The server was so slow that the page took a minute to open. | 服务器太慢了，打开网页花了一分钟。
Anyone may read the source code, change it and share it with others. | 任何人都可以阅读、修改源代码，并与他人分享。
The new version uses half the memory and runs twice as fast. | 新版本只用一半的内存，运行速度快了一倍。
Write the test first, then write the code that passes it. | 先写测试，再写能通过测试的代码。
The phone lost its connection when the train entered the tunnel. | 列车进入隧道时，手机断开了连接。
Data that nobody checks is worse than no data at all. | 没有人检查的数据比没有数据更糟。
A computer does exactly what it is told, not what you want. | 计算机完全按照指令做事，而不是按照你的愿望做事。
A language model predicts the next word from the words before it. | 语言模型根据前面的词来预测下一个词。
The larger the model is, the more data and computing power it needs. | 模型越大，需要的数据和计算能力就越多。
Before a text reaches the model, it is cut into small pieces called tokens. | 文本在进入模型之前，会被切成叫做词元的小块。
The network learned to recognise cats from a million pictures. | 这个网络从一百万张图片中学会了识别猫。
The model gave a convincing answer, but the answer was wrong. | 模型给出了一个令人信服的回答，但这个回答是错的。
If the training data contains mistakes, the model will learn the mistakes. | 如果训练数据中有错误，模型就会学到这些错误。
We divided the data into two parts, one for training and one for testing. | 我们把数据分成两部分，一部分用于训练，一部分用于测试。
Researchers still do not fully understand why large networks work so well. | 研究人员仍然不完全理解为什么大型网络的效果这么好。
A machine that wins at chess may not be able to tie a shoe. | 一台下国际象棋能赢的机器，不一定会系鞋带。
The translation was correct, but no one would have said it that way. | 译文是正确的，但没有人会那样说。
Artificial intelligence will change many jobs and will create new ones. | 人工智能会改变许多工作，也会创造新的工作。
The robot counts the boxes at night and sends the number to the office. | 机器人夜里清点箱子，并把数量发送到办公室。
It will rain in the south tomorrow, while the north stays dry and cold. | 明天南方有雨，北方则干燥寒冷。
The river rose two metres in one night and flooded the lower streets. | 河水一夜之间上涨了两米，淹没了低处的街道。
In autumn the leaves turn red and yellow and fall to the ground. | 秋天，树叶变红变黄，落到地上。
Birds fly south before winter comes and return to us in spring. | 鸟儿在冬天来临之前飞往南方，春天再回到我们这里。
The forest is home to bears, wolves and more than a hundred kinds of birds. | 这片森林里生活着熊、狼和一百多种鸟。
There has been no rain for two months, and the fields are as dry as paper. | 已经两个月没有下雨了，田地干得像纸一样。
The wind was so strong that it broke the old tree in front of our house. | 风太大了，把我们家门前的老树刮断了。
Whales are not fish: they breathe air and feed their young with milk. | 鲸不是鱼：它们呼吸空气，用奶喂养幼崽。
Plastic in the sea breaks into pieces that are too small to see. | 海里的塑料会碎成小得看不见的碎片。
The snow on the mountain melts later every year in this valley. | 在这个山谷里，山上的雪一年比一年化得晚。
Bees find their way home by the position of the sun. | 蜜蜂靠太阳的位置找到回家的路。
A dog can smell things that happened here an hour ago. | 狗能闻出一个小时以前在这里发生过的事情。
The city was destroyed in the war and rebuilt within twenty years. | 这座城市在战争中被毁，二十年之内又重建起来。
Paper was invented in China and reached Europe many centuries later. | 纸是中国发明的，许多个世纪以后才传到欧洲。
The old king had three sons, and none of them wanted to rule. | 老国王有三个儿子，但没有一个想当国王。
Before the railway was built, the journey took more than three weeks. | 铁路修建以前，这段旅程要走三个多星期。
The museum shows tools that people used ten thousand years ago. | 博物馆展出人们一万年前使用的工具。
Nobody knows who wrote this poem, but every child can say it by heart. | 没有人知道这首诗是谁写的，但每个孩子都会背。
The law was passed by a small majority after a long debate. | 经过长时间的辩论，这项法律以微弱多数获得通过。
Under the treaty both countries must destroy these weapons within five years. | 根据条约，两国必须在五年之内销毁这些武器。
Historians disagree about the number of people who lived in the city. | 关于这座城市曾有多少人居住，历史学家意见不一。
The emperor ordered that all weights and measures be made equal. | 皇帝下令统一所有的度量衡。
The two families had lived in the same street for a hundred years. | 这两家人在同一条街上住了一百年。
The letter was found in an old book sixty years after it was written. | 这封信写好六十年之后，才在一本旧书里被人发现。
My sister plays the piano, and my brother would rather play football. | 我姐姐弹钢琴，我弟弟却更喜欢踢足球。
Our team lost the first game and won all the others. | 我们队输了第一场，赢了其余所有的比赛。
The film is two hours long, but it feels much shorter. | 这部电影长两个小时，但感觉短得多。
Turn off the light and close the window before you leave the room. | 离开房间之前，请关灯并关上窗户。
We have known each other since we were children and have never had a fight. | 我们从小就认识，从来没有吵过架。
The baby laughs whenever the cat comes into the room. | 每当猫走进房间，宝宝就会笑。
She painted the door blue, because blue reminds her of the sea. | 她把门漆成蓝色，因为蓝色让她想起大海。
Do you know a quiet place where we can sit and talk? | 你知不知道一个安静的地方，我们可以坐下来谈谈？
He sold his car and now goes everywhere on foot or by bicycle. | 他把汽车卖了，现在去哪儿都走路或者骑自行车。
The neighbours complained about the music, so the party ended early. | 邻居们抱怨音乐太吵，所以聚会提前结束了。
My grandfather still writes letters by hand and sends them by post. | 我爷爷仍然手写书信，并通过邮局寄出。
It is easier to promise something than to keep a promise. | 许下诺言比遵守诺言容易。
The key was under the stone next to the door, where it had always been. | 钥匙在门边的石头下面，它一直都在那里。
I am sorry that I am late: the road was closed because of an accident. | 对不起，我迟到了：因为发生事故，路被封了。
The number of visitors grew by a third in one year. | 参观者的人数一年之内增加了三分之一。
Two thirds of the earth is covered by water, and most of it is salt water. | 地球的三分之二被水覆盖，其中大部分是咸水。
The average of these numbers says little, because one of them is very large. | 这些数字的平均值说明不了什么，因为其中有一个非常大。
A triangle with three equal sides also has three equal angles. | 三条边相等的三角形，三个角也相等。
If you double the length of a square, its area becomes four times as large. | 如果把正方形的边长加倍，它的面积就会变成原来的四倍。
The chance that two of thirty people share a birthday is above one half. | 三十个人当中有两个人同一天生日的可能性超过一半。
To add two numbers by hand, begin with the last digit and remember to carry. | 手工计算两个数相加时，要从最后一位开始，并记住进位。
The figure shows how the result changes as the number of examples grows. | 这张图显示结果怎样随着例子数量的增加而变化。
Half of the answers were right, which is no better than guessing. | 一半的回答是对的，这并不比瞎猜更好。
What cannot be measured can still be important. | 不能测量的东西，仍然可能很重要。
The engineers tested the new bridge with forty heavy trucks before it was opened to the public. | 新桥向公众开放之前，工程师们用四十辆重型卡车对它进行了测试。
The heating in our building stopped working on the coldest night of the year. | 在一年中最冷的那个夜晚，我们楼里的暖气坏了。
The company promised to pay back the money within thirty days, but it has not done so. | 公司承诺在三十天之内退还这笔钱，但到现在还没有退。
When the power failed, the hospital used its own machines to produce electricity for six hours. | 停电以后，医院用自己的设备发电，维持了六个小时。
Everyone who works in this laboratory must wear glasses and gloves to protect themselves. | 在这个实验室工作的每一个人都必须戴上眼镜和手套来保护自己。
The newspaper reported that the minister had known about the problem for more than a year. | 据报纸报道，部长知道这个问题已经一年多了。
The results of the study were published last month in a scientific journal. | 这项研究的结果上个月发表在一份科学期刊上。
We compared the two methods on the same data and found that the older one was better. | 我们在相同的数据上比较了这两种方法，发现旧方法更好。
The committee will decide next week whether the project gets more money. | 委员会将在下周决定这个项目是否能得到更多的资金。
If you want to change the language of the program, open the settings and choose another one. | 如果你想更换程序的语言，请打开设置，选择另一种语言。
The driver was tired and did not see that the traffic light had turned red. | 司机很疲劳，没有看到红绿灯已经变红。
The village has a school, a small shop and a church, but no doctor. | 这个村子有一所学校、一家小商店和一座教堂，但没有医生。
She has worked as a translator for fifteen years and speaks five languages. | 她做了十五年的翻译工作，会说五种语言。
The water in this lake is so clear that you can see the stones on the bottom. | 这个湖的水非常清澈，可以看到湖底的石头。
The farmers sell their vegetables directly to the people in the city every Saturday. | 每个星期六，农民们把自己种的蔬菜直接卖给城里人。
The machine can sort ten thousand letters in an hour and hardly ever makes a mistake. | 这台机器一个小时可以分拣一万封信，几乎从不出错。
The price of the ticket depends on the day of the week and on the time of the day. | 票价取决于是星期几，也取决于一天中的什么时间。
After the meeting he wrote a short report and sent it to all his colleagues. | 会议结束以后，他写了一份简短的报告，发给了所有同事。
The police are looking for a man who was seen near the bank on Tuesday evening. | 警察正在寻找一名星期二晚上在银行附近出现过的男子。
It took the workers three months to repair the roof of the old theatre. | 工人们花了三个月的时间，才修好老剧院的屋顶。
The new law protects people who report mistakes in their own company. | 新的法律保护那些举报自己公司错误的人。
Many small shops had to close because people buy more and more things online. | 许多小商店不得不关门，因为人们越来越多地在网上买东西。
The telephone was invented almost one hundred and fifty years ago. | 电话是在将近一百五十年前发明的。
The experiment shows that plants grow faster when they get more light. | 实验表明，植物得到的光越多，生长得就越快。
The computer compares the picture with all the pictures that it has seen before. | 计算机把这张图片与它以前看过的所有图片进行比较。
A program that nobody understands cannot be repaired when it breaks. | 没有人理解的程序，在出错时也就没有人能修好。
The answer of the model depends on how the question is asked. | 模型的回答取决于问题是怎样提出的。
The more often a word appears in the data, the better the model knows it. | 一个词在数据中出现得越多，模型对它就越了解。
We trained the same model three times, each time with different random numbers. | 我们把同一个模型训练了三次，每次使用不同的随机数。
If the result changes from run to run, a single run proves nothing. | 如果结果每次运行都不一样，那么只运行一次什么也证明不了。
The memory of the computer was not large enough for the whole model. | 这台计算机的内存不够大，装不下整个模型。
The company that built the model did not say which data it was trained on. | 开发这个模型的公司没有说明它是用哪些数据训练的。
The user asked the model for the source, and the model invented a book. | 用户向模型询问出处，模型就编造了一本书。
To find the error, the engineer removed one part of the program after another. | 为了找到错误，工程师把程序的各个部分一个一个地去掉。
The two computers send each other a message every second to show that they still work. | 两台计算机每秒钟互相发送一条消息，表示自己仍在工作。
Numbers with many digits are difficult for the model, because it sees them in pieces. | 位数多的数字对模型来说很难，因为它看到的是一块一块的数字。
The patient was asked to write down everything that he ate and drank for a week. | 医生请病人在一个星期之内把吃的和喝的东西全部记下来。
Young doctors often work at night and on weekends and sleep too little. | 年轻医生经常在夜里和周末工作，睡得太少。
The operation took four hours, and the patient could go home after five days. | 手术进行了四个小时，病人五天以后就可以回家了。
The island can be reached only by boat, and in winter there is no boat at all. | 这座岛只能坐船到达，而冬天根本没有船。
We wanted to visit the museum, but it is closed on the first Monday of the month. | 我们本来想参观博物馆，但它每个月的第一个星期一不开放。
The guide told us that the tower had been used as a prison for two hundred years. | 导游告诉我们，这座塔曾经被用作监狱达两百年之久。
Please speak a little more slowly, because I have been learning Chinese for only one year. | 请说得慢一点，因为我学中文才一年。
When I was a child, there was a field here instead of a supermarket. | 我小时候，这里是一片田地，没有超市。
The river forms the border between the two countries for more than three hundred kilometres. | 这条河是两国之间的边界，长达三百多公里。
The summer was so hot that the trains had to drive more slowly. | 夏天太热了，列车不得不减速行驶。
The stars seem to move across the sky because the earth turns. | 星星看起来在天空中移动，是因为地球在自转。
Sound travels through water about four times as fast as through air. | 声音在水中的传播速度大约是在空气中的四倍。
The energy that the wind produces must be used at once or stored in a battery. | 风力产生的能量必须马上使用，或者储存在电池里。
The teacher asked the students to measure the length of the room without a ruler. | 老师要求学生不用尺子测量房间的长度。
The students who slept well before the exam had better results than the others. | 考试前睡得好的学生，成绩比其他学生好。
Parents want to know what their children learn at school and how they learn it. | 家长想知道孩子在学校学什么，以及怎样学。
The book was translated into thirty languages before it appeared in the author's own country. | 这本书在作者自己的国家出版之前，已经被翻译成三十种语言。
The price includes breakfast, but you have to pay extra for the garage. | 价格包括早餐，但车库需要另外付费。
The shop gives you your money back if you are not satisfied with the goods. | 如果您对商品不满意，商店会把钱退给您。
The old machine was expensive to repair, so the factory bought a new one. | 旧机器的修理费用很高，所以工厂买了一台新的。
"""  # noqa: E501
